"""A trial of the catalogue on generated claims: what it costs in time, memory and disk, and how it answers.

Nothing in it is real music; an archive made so is for measuring, and says so in its sources' names.
"""

from lockgroove.campaigns.trial.course import run
from lockgroove.campaigns.trial.figures import Figures

__all__ = ["Figures", "run"]
