# For fish: `wcd [WORKSPACE]`, and completion for it and for workspacectl.
function wcd --description "Change to a workspace's directory"
    if test (count $argv) -gt 1
        echo "usage: wcd [WORKSPACE]" >&2
        return 2
    end
    if test "$argv" = -
        test "$__fish_cd_direction" = next; and nextd; or prevd # as fish's own `cd -`
        return
    end
    set --local previous $PWD
    set --local which -- $argv
    test (count $argv) -gt 0; or set which --pick
    set --local directory (workspacectl path $which | string collect --no-trim-newlines)
    or return
    # It ends with a newline of its own. The builtin: `cd` itself may be somebody else's function.
    builtin cd (string sub --end -1 -- $directory | string collect)
    or return
    set --global dirprev $dirprev $previous # as fish's own `cd`, for `cd -`
    set --erase dirnext
    set --global __fish_cd_direction prev
    return 0
end

# Completes the word at the cursor; the arguments are the words before it. workspacectl prints a completion on each line,
# with its meaning behind a tab; or a tab and the kind of paths that fit.
function __workspaced_complete
    set --local current (commandline --current-token --cut-at-cursor | string collect)
    set --local plain (string unescape -- "$current"; or string sub --start 2 -- "$current") # an open quote
    set --local found (workspacectl __complete $argv[2..] "$plain" 2>/dev/null)
    switch "$found"
        case \tfiles
            set --local option (string match --regex -- '^--[^=]*=' "$current")
            set --local begins (string sub --start (math 1 + (string length -- "$option")) -- "$current")
            set --local paths (__fish_complete_path "$begins")
            string join -- \n "$option"$paths
        case \tdirectories
            __fish_complete_directories $current ""
        case '*'
            string match --entire --regex . -- $found
    end
end
complete --command wcd --no-files --condition 'test (count (commandline -opc)) -eq 1' \
    --arguments '(__workspaced_complete workspacectl path --)'
complete --command workspacectl --no-files \
    --arguments '(__workspaced_complete (commandline -opc))'
