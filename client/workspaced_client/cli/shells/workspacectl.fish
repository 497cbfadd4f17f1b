# For fish: `wcd WORKSPACE`, and completion for it and for workspacectl.
function wcd --description "Change to a workspace's directory"
    if test (count $argv) -ne 1
        echo "usage: wcd WORKSPACE" >&2
        return 2
    end
    set --local directory (workspacectl path -- $argv[1]); and cd $directory
end
function __workspaced_complete
    env _WORKSPACECTL_COMPLETE=complete_fish _TYPER_COMPLETE_FISH_ACTION=$argv[1] _TYPER_COMPLETE_ARGS="$argv[2]" workspacectl 2>/dev/null
end
complete --command wcd --no-files --arguments '(__workspaced_complete get-args "workspacectl path "(commandline -ct))'
complete --command workspacectl --no-files --arguments '(__workspaced_complete get-args (commandline -cp))' \
    --condition '__workspaced_complete is-args (commandline -cp)'
