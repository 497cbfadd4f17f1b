# For bash, from 3.2 on: `wcd [WORKSPACE]`, and completion for it and for workspacectl.
wcd() {
    if [ "$#" -gt 1 ]; then
        echo "usage: wcd [WORKSPACE]" >&2
        return 2
    fi
    if [ "$#" -eq 0 ]; then
        set -- --pick
    elif [ "$1" = - ]; then
        builtin cd -
        return
    else
        set -- -- "$1"
    fi
    local directory
    # The slash keeps newlines at the end of a path. The builtin: `cd` itself may be a function or an alias.
    directory=$(workspacectl path "$@" && echo /) && builtin cd -- "${directory%?/}"
}

# Completes the word at the cursor; with arguments, these stand for the words before it. It reads and writes the quotes
# of the shell. workspacectl gets the words as they are, and prints a completion on each line, with its meaning behind a
# tab; or a tab and the kind of paths that fit.
_workspaced_complete() {
    local line=${COMP_LINE:0:COMP_POINT} word='' quote='' number=-1 start=0 kept=0 in_word='' quoted_at=0
    local index character each found values=() words=()
    local IFS=$' \t\n' # the user's may join or split words elsewhere
    for ((index = 0; index < ${#line}; index++)); do
        character=${line:index:1}
        if [[ -z $quote && $character == [[:space:]] ]]; then
            [[ -z $in_word ]] || words+=("$word")
            in_word=''
            continue
        elif [[ -z $in_word ]]; then
            in_word=yes word='' kept=0 start=$index number=$((number + 1))
        fi
        if [[ $character == \\ && $quote != \' ]]; then
            index=$((index + 1))
            word+=${line:index:1}
        elif [[ $character == "$quote" ]]; then
            quote=''
        elif [[ -z $quote && $character == [\'\"] ]]; then
            quote=$character quoted_at=${#word}
        else
            # Readline takes the text up to such a character, or before an open quote, for another word.
            [[ -n $quote || $character != @ ]] || kept=${#word} # this one it keeps: a host follows
            word+=$character
            [[ -n $quote || $character == @ || $COMP_WORDBREAKS != *"$character"* ]] || kept=${#word}
        fi
    done
    [[ -n $in_word ]] || { word='' kept=0 start=${#line} number=$((number + 1)); }
    [[ -z $quote ]] || kept=$quoted_at
    COMPREPLY=()
    if [ "$#" -gt 0 ]; then
        [ "$number" -eq 1 ] || return 0
        words=("$@")
    fi
    found=$(workspacectl __complete "${words[@]:1}" "$word" 2>/dev/null)
    case $found in
        *$'\t'files) return 0 ;; # as `complete -o default` does
        *$'\t'directories) compopt +o default -o dirnames 2>/dev/null; return 0 ;; # bash 3.2 completes files, too
    esac
    compopt +o default 2>/dev/null
    while IFS= read -r each; do
        each=${each%%$'\t'*}
        [[ -z $each ]] || values+=("$each")
    done <<< "$found"
    [ "${#values[@]}" -gt 0 ] || return 0
    local apostrophe=\' escaped="'\\''"
    for each in "${values[@]}"; do
        # Of several, readline inserts the beginning that they share: letters as they were typed, in either case.
        [ "${#values[@]}" -eq 1 ] || each=$word${each:${#word}}
        each=${each:kept}
        case $quote in
            \') each=${each//$apostrophe/$escaped} ;;
            \")
                each=${each//\\/\\\\} each=${each//\"/\\\"} each=${each//\$/\\\$} each=${each//\`/\\\`}
                each=${each//!/\"\\!\"} # a backslash within quotes would stay
                ;;
            *) printf -v each %q "$each" ;;
        esac
        COMPREPLY+=("$each")
    done
}
_workspacectl_completion() { _workspaced_complete; }
_wcd_completion() { _workspaced_complete workspacectl path --; }
complete -o default -F _workspacectl_completion workspacectl
complete -F _wcd_completion wcd
