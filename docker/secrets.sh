#!/bin/sh
# Writes docker/.env from .env.example with fresh secrets. One that is there is left alone.
set -eu
cd "$(dirname "$0")"
umask 077
if [ -e .env ]; then
    echo "docker/.env is there already; nothing was changed"
    exit 0
fi
while IFS= read -r line; do
    case $line in
        CREDIT_DECISIONS_KEY=) echo "$line$(openssl rand -base64 32)" ;;
        *=) echo "$line$(openssl rand -hex 24)" ;;
        *) echo "$line" ;;
    esac
done < .env.example > .env.draft
mv .env.draft .env
echo "wrote docker/.env; keep a copy of CREDIT_DECISIONS_KEY elsewhere"
