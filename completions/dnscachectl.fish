# fish completion for dnscachectl: the program itself knows its commands and options.
function __dnscachectl_complete
  set -l words (commandline --tokenize --cut-at-cursor --current-process)
  set -l begun (commandline --current-token --cut-at-cursor)
  set -l candidates (dnscachectl __complete -- $words[2..-1] "$begun" 2>/dev/null)
  if test (count $candidates) -gt 0
    printf '%s\n' $candidates
  else
    __fish_complete_path "$begun"
  end
end
complete --command dnscachectl --no-files --arguments '(__dnscachectl_complete)'
