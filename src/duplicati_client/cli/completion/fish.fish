# Completion of duplicati and duc for fish, as written by "duplicati completion fish".
function __duplicati_client_complete
    set -l before (commandline -opc)
    set -l current (commandline -ct)
    set -l lines (@PROGRAM@ completion ask fish -- $before[2..-1] "$current" 2>/dev/null </dev/null)
    switch "$lines[1]"
        case files
            __fish_complete_path (string replace -r -- '^--[a-z-]+=' '' "$current")
        case space nospace
            printf '%s\n' $lines[2..-1]
    end
end
complete -c duplicati -f -a '(__duplicati_client_complete)'
complete -c duc -f -a '(__duplicati_client_complete)'
