# Ends the processes that its parent leaves behind, and deletes its temporary folders, however the parent ended.
#
# The parent holds the other end of this script's standard input. The kernel closes it in any case, also after a SIGKILL.
# Until then the parent writes one line for each process group and folder:
#
#   watch SIGNAL GROUP   a process group to end, and the signal for it
#   forget GROUP         the group has ended
#   remove FOLDER        a temporary folder to delete at the end
#   keep FOLDER          the folder has been deleted
trap '' HUP INT QUIT TERM
newline='
'
watched='' folders=''
while read -r verb argument; do
    case $verb in
        watch) watched="$watched $argument " ;;
        forget) watched=$(printf '%s' "$watched" | sed "s/ [A-Z]* $argument / /g") ;;
        remove) folders="$folders$argument$newline" ;;
        keep) folders=$(printf '%s' "$folders" | grep -Fxv -e "$argument")$newline ;;
    esac
done

# $watched is now "SIGNAL GROUP  SIGNAL GROUP …".
set -- $watched
groups=''
while [ $# -gt 1 ]; do
    kill -s "$1" -- "-$2" 2>/dev/null && groups="$groups $2"
    shift 2
done
patience=100
for group in $groups; do
    while [ "$patience" -gt 0 ] && kill -s 0 -- "-$group" 2>/dev/null; do
        sleep 0.1
        patience=$((patience - 1))
    done
    kill -s KILL -- "-$group" 2>/dev/null
done

IFS=$newline
for folder in $folders; do
    rm -rf -- "$folder"
done
