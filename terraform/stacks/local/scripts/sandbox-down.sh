# Takes the sandbox down, whether all, half or nothing of it is there. Reads LANDFALL_BINARY, SANDBOX_NAME.
if ! command -v "$LANDFALL_BINARY" >/dev/null 2>&1; then
  echo "landfall is not at $LANDFALL_BINARY any more; apply with -var landfall=PATH first, then destroy again" >&2
  exit 1
fi

log=$(mktemp)
exec 3>"$log" 4<"$log"
rm -f -- "$log"

if ! "$LANDFALL_BINARY" sandbox down "$SANDBOX_NAME" >&3 2>&1 </dev/null 4<&-; then
  cat <&4 >&2
  exit 1
fi
