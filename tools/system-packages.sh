#!/bin/sh
# Install those of the named Debian packages that are missing, where apt and root allow; say what each costs if not.
missing=""
for package in "$@"; do
    case "$package" in
        python3-venv) python3 -c 'import ensurepip' 2>/dev/null && continue ;;
        chromium) command -v chromium >/dev/null 2>&1 && continue ;;
        openjdk-17-jre-headless) command -v java >/dev/null 2>&1 && continue ;;
        nginx-light) { command -v nginx >/dev/null 2>&1 || [ -x /usr/sbin/nginx ]; } && continue ;;
        *) command -v "$package" >/dev/null 2>&1 && continue ;;
    esac
    missing="$missing $package"
done
[ -z "$missing" ] && exit 0
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    echo "Installing$missing"
    apt-get update -qq >/dev/null 2>&1
    for package in $missing; do
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package" >/dev/null 2>&1 ||
            echo "Could not install $package; what needs it is left out."
    done
else
    for package in $missing; do
        case "$package" in
            python3-venv) echo "python3-venv is missing, and without it there is no virtual environment: apt install python3-venv" ;;
            openjdk-*) echo "Java is missing: the tests on Spark are skipped. (apt install openjdk-17-jre-headless)" ;;
            chromium) echo "chromium is missing: the browser tests are skipped. (apt install chromium)" ;;
            *) echo "$package is missing: the tests that need it are skipped. (apt install $package)" ;;
        esac
    done
fi
exit 0
