# fish completion for dnscachectl: the program itself knows its commands and options.
function __dnscachectl_complete
  set -l words (commandline --tokenize --cut-at-cursor --current-process)
  dnscachectl __complete -- $words[2..-1] (commandline --current-token --cut-at-cursor) 2>/dev/null
end
complete --command dnscachectl --arguments '(__dnscachectl_complete)'
