# Deletes the bucket folder if this stack made it. Reads BUCKET_FOLDER, BUCKET_OWNER, FORCE_DESTROY.
owner="$BUCKET_FOLDER.owner"

if [ ! -f "$owner" ] || [ "$(cat "$owner")" != "$BUCKET_OWNER" ]; then
  echo "bucket folder $BUCKET_FOLDER was not made by this stack and stays as it is"
  exit 0
fi

if [ -d "$BUCKET_FOLDER" ]; then
  if [ "$FORCE_DESTROY" = true ]; then
    rm -rf -- "$BUCKET_FOLDER"
  elif ! rmdir -- "$BUCKET_FOLDER" 2>/dev/null; then
    echo "bucket folder $BUCKET_FOLDER is not empty; apply with bucket_force_destroy = true first if it may go" >&2
    exit 1
  fi
fi
rm -f -- "$owner" "$owner.new"
