# Completion of duplicati and duc for PowerShell, as written by "duplicati completion powershell".
Register-ArgumentCompleter -Native -CommandName 'duplicati', 'duc', 'duplicati.exe', 'duc.exe' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $words = [System.Collections.Generic.List[string]]::new()
    $current = ''
    foreach ($element in $commandAst.CommandElements | Select-Object -Skip 1) {
        $extent = $element.Extent
        if ($extent.EndOffset -lt $cursorPosition) {
            if ($element -is [System.Management.Automation.Language.StringConstantExpressionAst]) {
                $words.Add($element.Value)
            } else {
                $words.Add($extent.Text)
            }
        } elseif ($extent.StartOffset -lt $cursorPosition) {
            $current = $extent.Text.Substring(0, $cursorPosition - $extent.StartOffset)
        }
    }
    $words.Add($current)
    # As base64: Windows PowerShell drops empty arguments and breaks quotation marks on their way to a program.
    $asked = [Convert]::ToBase64String([Text.Encoding]::UTF8.GetBytes("`0" + ($words -join "`0")))
    $answer = & @PROGRAM@ completion ask powershell $asked 2>$null
    if ($answer) {
        foreach ($found in ($answer | ConvertFrom-Json)) {
            [System.Management.Automation.CompletionResult]::new($found.text, $found.shown, 'ParameterValue', $found.about)
        }
    }
}
