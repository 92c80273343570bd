# Makes the bucket folder, or checks that it is there. Reads BUCKET_FOLDER, BUCKET_OWNER (`none`: shared, not ours).
owner="$BUCKET_FOLDER.owner"

if [ "$BUCKET_OWNER" = none ]; then
  if [ ! -d "$BUCKET_FOLDER" ]; then
    echo "bucket folder $BUCKET_FOLDER does not exist, and bucket_create is false" >&2
    exit 1
  fi
  exit 0
fi

if [ -f "$owner" ]; then
  if [ "$(cat "$owner")" != "$BUCKET_OWNER" ]; then
    echo "bucket folder $BUCKET_FOLDER belongs to another stack; use another folder, or bucket_create = false to share it" >&2
    exit 1
  fi
elif [ -e "$BUCKET_FOLDER" ] && { [ ! -d "$BUCKET_FOLDER" ] || [ -n "$(ls -A -- "$BUCKET_FOLDER")" ]; }; then
  echo "bucket folder $BUCKET_FOLDER exists and is not empty; use another folder, or bucket_create = false to share it" >&2
  exit 1
else
  mkdir -p -- "$(dirname -- "$BUCKET_FOLDER")"
  # Whole or not at all: a half-written owner would make the folder nobody's.
  printf '%s' "$BUCKET_OWNER" >"$owner.new"
  mv -- "$owner.new" "$owner"
fi
mkdir -p -- "$BUCKET_FOLDER"
