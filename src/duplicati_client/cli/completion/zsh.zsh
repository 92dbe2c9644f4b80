#compdef duplicati duc
# Completion of duplicati and duc for zsh, as written by "duplicati completion zsh".
_duplicati_client() {
    emulate -L zsh
    local line mode value tab=$'\t'
    local -a lines values shown suffix
    local -i width=0
    lines=("${(@f)$(@PROGRAM@ completion ask zsh -- "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null </dev/null)}")
    mode=$lines[1]
    lines=("${(@)lines[2,-1]}")
    case $mode in
        files) _files; return ;;
        nospace) suffix=(-S '') ;;
        space) ;;
        *) return 1 ;;
    esac
    (( $#lines )) || return 1
    for line in "${(@)lines}"; do
        value=${line%%$tab*}
        values+=("$value")
        (( ${(m)#value} > width )) && width=${(m)#value}
    done
    for line in "${(@)lines}"; do
        value=${line%%$tab*}
        [[ $line == *$tab* ]] && value="${(mr:$width:)value}  ${line#*$tab}"
        shown+=("$value")
    done
    compadd -U -l -d shown "${(@)suffix}" -a -- values
}
if [[ $funcstack[1] == _duplicati_client || $zsh_eval_context[-1] == loadautofunc ]]; then
    _duplicati_client "$@"
else
    (( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
    compdef _duplicati_client duplicati duc
fi
