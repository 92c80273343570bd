# Starts the sandbox. Reads LANDFALL_BINARY, SANDBOX_NAME, SANDBOX_KUBERNETES, SANDBOX_NODES, SANDBOX_REAL_NODE.
#
# local-exec waits until nobody holds its output any more, and the sandbox stays behind: so the
# output goes to a file, which has no name any more when the sandbox starts and so cannot be left over.
log=$(mktemp)
exec 3>"$log" 4<"$log"
rm -f -- "$log"

real_node=
if [ "$SANDBOX_REAL_NODE" = true ]; then
  real_node=--real-node
fi

if ! "$LANDFALL_BINARY" sandbox up "$SANDBOX_NAME" \
  --kubernetes "$SANDBOX_KUBERNETES" --nodes "$SANDBOX_NODES" $real_node --detach >&3 2>&1 </dev/null 4<&-; then
  cat <&4 >&2
  exit 1
fi
