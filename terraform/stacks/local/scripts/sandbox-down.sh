# Takes the sandbox down, whether all, half or nothing of it is there, and leaves nothing of it on the disk. Its logs
# move to LOGS_FOLDER, unless that is empty. Reads LANDFALL_BINARY, SANDBOX_NAME, LOGS_FOLDER.
if ! command -v "$LANDFALL_BINARY" >/dev/null 2>&1; then
  echo "landfall is not at $LANDFALL_BINARY any more; apply with -var landfall=PATH first, then destroy again" >&2
  exit 1
fi

log=$(mktemp)
exec 3>"$log" 4<"$log"
rm -f -- "$log"

if ! "$LANDFALL_BINARY" sandbox down "$SANDBOX_NAME" --purge \
  ${LOGS_FOLDER:+--keep-logs "$LOGS_FOLDER"} >&3 2>&1 </dev/null 4<&-; then
  cat <&4 >&2
  exit 1
fi
