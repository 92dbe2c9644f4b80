# Completion of duplicati and duc for bash, as written by "duplicati completion bash".
_duplicati_client() {
    local line mode=
    COMPREPLY=()
    while IFS= read -r line; do
        if [[ -z $mode ]]; then mode=$line; else COMPREPLY+=("$line"); fi
    done < <(@PROGRAM@ completion ask bash -- "$COMP_WORDBREAKS" "${COMP_LINE:0:COMP_POINT}" 2>/dev/null </dev/null)
    case $mode in
        nospace) compopt -o nospace 2>/dev/null ;;
        files) compopt -o bashdefault -o default 2>/dev/null ;;
    esac
    return 0
}
complete -F _duplicati_client duplicati duc
