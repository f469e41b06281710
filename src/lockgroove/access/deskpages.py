"""The guard's pages: what is held against whoever asks, with confirm and appeal; and the operators' desk.

Invariant: whoever is not an operator sees what concerns them alone. A form counts only when it was made for
whoever sends it.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from lockgroove.access import asking, guardpictures
from lockgroove.access.metrics import CONTENT_TYPE, measured
from lockgroove.access.pages import Pages
from lockgroove.campaigns.watching import Desk, Named, called
from lockgroove.errors import LockgrooveError
from lockgroove.guard import explaining
from lockgroove.guard.casefile import Case
from lockgroove.guard.gate import Caller
from lockgroove.guard.hot import DAY_MS
from lockgroove.guard.live import Guard
from lockgroove.guard.quotas import in_words
from lockgroove.guard.sanctions import STAGE_WORDS, Stage
from lockgroove.people import VISITOR, Asker

_FORM_BYTES_MAX = 20_000
_LEAK_DAYS = 30
_CASES_SHOWN = 200
_SIGN_IN = "Give the name of your account, and as the password a key of it."
_MOST_SHOWN = 10
_PLAYS_SHOWN = 5


class DeskPages:
    """The endpoints."""

    def __init__(self, pages: Pages, desk: Desk, guard: Guard | None, operator: bool) -> None:
        self._pages = pages
        self._desk = desk
        self._guard = guard
        self._operator = operator
        self._secret = secrets.token_hex()

    def routes(self) -> list[Route]:
        """Addresses and who answers them."""
        return [
            Route("/sign-in", self.sign_in),
            Route("/account", self.account),
            Route("/account/history", self.history),
            Route("/account/confirm", self.confirm, methods=["POST"]),
            Route("/account/appeal", self.appeal, methods=["POST"]),
            Route("/guard", self.overview),
            Route("/guard/cases/{number:int}", self.case),
            Route("/guard/cases/{number:int}/decide", self.decide, methods=["POST"]),
            Route("/guard/cases/{number:int}/review", self.review, methods=["POST"]),
            Route("/metrics", self.metrics),
        ]

    def sign_in(self, request: Request) -> Response:
        """Have a browser ask for a key, which it then sends to every page: this one stands at the root."""
        asker: Asker = request.scope.get("asker", VISITOR)
        if self._operator:  # where everybody is the operator, and nobody has a key
            return RedirectResponse("/guard", 303)
        if not asker.account:
            return asking.refusal(401, request.url.path, _SIGN_IN)
        return RedirectResponse("/guard" if asker.may("operate") else "/account", 303)

    def account(self, request: Request) -> Response:
        """What is held against whoever asks."""
        caller = _caller(request)
        now = self._desk.cases.now_ms()
        cases = [] if caller is None else self._desk.cases.of_account(caller.account)
        stage = max((case.stage(now) for case in cases), default=Stage.FREE)
        told = [self._told(case, now, with_plays=_named(caller)) for case in cases if not case.shadow]
        return self._page(
            "account.html", name=self._name(request, caller), stage=stage, effect=explaining.effect(stage),
            cases=told, token=self._token(request), is_visitor=not _named(caller),
            may_sign_in=caller is not None and not caller.named,
            quotas=self._quotas(caller),
        )  # fmt: skip

    def _quotas(self, caller: Caller | None) -> list[str]:
        """What may be taken in which time, in words."""
        if self._guard is None or caller is None:
            return []
        return in_words(self._guard.gate.limits_of(caller))

    def history(self, request: Request) -> Response:
        """All that is kept of whoever asks, as JSON lines; of an account, not of a network."""
        caller = _caller(request)
        if caller is None or not caller.named:
            raise HTTPException(404)
        return StreamingResponse(
            _lines(self._desk.history(caller.account)), media_type="application/x-ndjson"
        )

    async def confirm(self, request: Request) -> Response:
        """A person says that they are one."""
        caller = await self._own_form(request)
        await run_in_threadpool(self._desk.cases.confirm, caller[0].account)
        return RedirectResponse("/account", 303)

    async def appeal(self, request: Request) -> Response:
        """Somebody says that a case is wrong."""
        caller, form = await self._own_form(request)

        def appealed() -> None:
            case = self._desk.cases.case(_number(form))
            if case.account != caller.account:
                raise HTTPException(404)
            self._desk.cases.appeal(case.number, form.get("words", ""))

        await self._tried(appealed)
        return RedirectResponse("/account", 303)

    def overview(self, request: Request) -> Response:
        """The operators' desk."""
        self._require_operator(request)
        desk, now = self._desk, self._desk.cases.now_ms()
        names = desk.names()
        memory = self._guard.memory if self._guard is not None else desk.memory()
        leak = desk.leak(_LEAK_DAYS)
        cases = sorted(desk.cases.all("open"), key=lambda case: not case.waits)
        cases += desk.cases.closed(_CASES_SHOWN)
        most = [(called(one.account, names), one) for one in leak.most[:_MOST_SHOWN]]
        return self._page(
            "guard.html", here="/guard", tally=desk.cases.tally(),
            waiting=sum(bool(case.waits) for case in cases), shadow_until=self._shadow_until(now),
            cases=[_row(one, now) for one in desk.named(cases)], leak=leak, leak_days=_LEAK_DAYS, most=most,
            calibrated=memory.calibrated_day, account_days=memory.customs.days, tops=memory.tops,
            thresholds=memory.thresholds, holds=desk.cases.broken_at() is None, head=desk.cases.head().hex(),
            refused=dict(self._guard.refused) if self._guard else {}, explaining=explaining,
            draw=guardpictures,
        )  # fmt: skip

    def case(self, request: Request) -> Response:
        """A case with its evidence, and the forms to decide it."""
        self._require_operator(request)
        try:
            case = self._desk.cases.case(request.path_params["number"])
        except LockgrooveError:
            raise HTTPException(404) from None
        return self._page(
            "case.html", here="/guard", told=self._told(case, self._desk.cases.now_ms()),
            name=called(case.account, self._desk.names()), token=self._token(request), stages=_choices(case),
            words=STAGE_WORDS, by=self._operator_name(request),
        )  # fmt: skip

    async def decide(self, request: Request) -> Response:
        """An operator decides a case."""
        return await self._decided(request, self._do_decide)

    async def review(self, request: Request) -> Response:
        """An operator decides an appeal."""
        return await self._decided(request, self._do_review)

    def _do_decide(self, number: int, by: str, form: Mapping[str, str]) -> None:
        stages = {str(int(stage)): stage for stage in Stage}
        if form.get("stage") not in stages:
            raise HTTPException(400)
        self._desk.decide(number, stages[form["stage"]], by, form.get("because", ""))

    def _do_review(self, number: int, by: str, form: Mapping[str, str]) -> None:
        self._desk.review(number, form.get("upheld") == "1", by, form.get("because", ""))

    async def _decided(self, request: Request, act: Any) -> Response:
        self._require_operator(request)
        form = await self._form(request)
        number, by = request.path_params["number"], self._operator_name(request) or form.get("by", "").strip()
        await self._tried(lambda: act(number, by, form))
        return RedirectResponse(f"/guard/cases/{number}", 303)

    def metrics(self, request: Request) -> Response:
        """Figures for Prometheus."""
        self._require_operator(request)
        return PlainTextResponse(measured(self._guard, self._desk.cases), media_type=CONTENT_TYPE)

    def _page(self, template: str, **shown: Any) -> Response:
        page = self._pages.page(template, **shown)
        page.headers["cache-control"] = "no-store"
        return page

    def _told(self, case: Case, now_ms: int, with_plays: bool = True) -> dict[str, Any]:
        """A case in words; of a network's, not which tracks: many people may stand behind it."""
        return {
            "case": case, "stage": case.stage(now_ms), "state": explaining.state_words(case, now_ms),
            "sentences": [" ".join(told) for told in explaining.paragraphs(case.evidence)],
            "plays": self._desk.heaviest(case, _PLAYS_SHOWN) if with_plays else [],
            "sanctions": [explaining.sanction_words(one) for one in case.sanctions],
            "opened": explaining.moment(case.opened_ms), "waits": case.waits,
        }  # fmt: skip

    def _shadow_until(self, now: int) -> str:
        until = self._desk.cases.shadow_until_ms
        return explaining.moment(until) if until > now else ""

    def _name(self, request: Request, caller: Caller | None) -> str:
        if caller is None:
            return "the operator"
        return called(caller.account, self._desk.names()) if caller.named else "a visitor, without an account"

    def _operator_name(self, request: Request) -> str:
        """Whoever comes with an operator's key; at the operator's view they say who they are."""
        asker: Asker = request.scope.get("asker", VISITOR)
        return (
            called(self._desk.digests.of_account(asker.account), self._desk.names()) if asker.account else ""
        )

    def _require_operator(self, request: Request) -> None:
        asker: Asker = request.scope.get("asker", VISITOR)
        if not self._operator and not asker.may("operate"):
            raise HTTPException(404)

    def _token(self, request: Request, days_ago: int = 0) -> str:
        """What a form must have in it: nobody else can make it for whoever this is.

        Whoever is nobody here (the operator's view has no accounts) is known by this process alone.
        """
        caller, asker = _caller(request), request.scope.get("asker", VISITOR)
        day = self._desk.cases.now_ms() // DAY_MS - days_ago
        whose = f"{caller.account if caller else 0} {asker.account} {asker.key}"
        mine = "" if caller or asker.account else self._secret
        return f"{self._desk.form_digest(f'{whose} {mine} {day}'):016x}"

    async def _own_form(self, request: Request) -> tuple[Caller, dict[str, str]]:
        caller = _caller(request)
        if caller is None:
            raise HTTPException(404)
        return caller, await self._form(request)

    async def _form(self, request: Request) -> dict[str, str]:
        """A form's fields. Raises 400, 403 for one that was not made for whoever sends it."""
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > _FORM_BYTES_MAX:
                raise HTTPException(413)
        form = {name: values[-1] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
        if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            raise HTTPException(403)
        if form.get("token") not in (self._token(request), self._token(request, 1)):
            raise HTTPException(403)
        return form

    async def _tried(self, act: Any) -> None:
        """Do it; what is refused is told as a page of its own."""
        try:
            await run_in_threadpool(act)
        except LockgrooveError as error:
            raise HTTPException(409, str(error)) from error


def _row(one: Named, now_ms: int) -> dict[str, Any]:
    return {
        "case": one.case, "name": one.name, "opened": explaining.day(one.case.opened_ms),
        "state": explaining.state_words(one.case, now_ms),
    }  # fmt: skip


def _caller(request: Request) -> Caller | None:
    caller: Caller | None = request.scope.get("caller")
    return caller


def _named(caller: Caller | None) -> bool:
    return caller is not None and caller.named


def _number(form: Mapping[str, str]) -> int:
    text = form.get("case", "")
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise HTTPException(400)
    return int(text)


def _choices(case: Case) -> list[Stage]:
    """The stages that the evidence carries."""
    return [stage for stage in Stage if stage < Stage.SUSPENDED or case.proposal >= Stage.SUSPENDED]


def _lines(items: Iterator[Mapping[str, Any]]) -> Iterator[bytes]:
    for item in items:
        yield json.dumps(item, ensure_ascii=False).encode() + b"\n"
