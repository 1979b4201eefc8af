# Every option of the table, of every command, is used by a test beside this one.
. "$(dirname "$0")/lib.sh"
options="$(for command in $("$dragoman" __commands); do
    "$dragoman" "$command" --help=all | grep -oE '^ {2}(-., |    )--(\[no-\])?[a-z0-9-]+'
done | sed 's/^ *\(-[^,]*\), /\1 /; s/^ *//; s/\[no-\]//' | sort -u)"
check 'options were found' test "$(wc -l <<<"$options")" -gt 60
# What a test says to the program: lines that run it, without names of cases.
cat "$root"/tests/cli/*.sh "$root"/tests/long/*.sh | grep -v '^ *#' |
    sed -E "s/^ *[a-z_]+ ('[^']*'|\"[^\"]*\")//" >said.txt
while read -r first second; do
    name="${second:-$first}"
    variable="DRAGOMAN_$(tr a-z- A-Z_ <<<"${name#--}")"
    # As an argument: after a space or a quote, before a space, '=', a quote or the line's end.
    check "a test uses $name" grep -qE -- "(^|[ '\"(])$name([ =')\"]|\$)|\\b$variable=" said.txt
    [ -z "$second" ] || check "a test uses $first" grep -qE -- "(^|[ '\"(])$first([0-9 =')\"]|\$)|(^|[ '\"])-[a-zA-Z0]*${first#-}[a-zA-Z0-9]*( |\$)" said.txt
done <<<"$options"
finish
