# Completes demo in fish.

complete -c demo -f
complete -c demo -s p -l port -x -d 'port to use'
complete -c demo -s n -l name -x -a 'ada bob' -d 'who\'s asking'
complete -c demo -l very-loud -d 'no [quiet] tones'
complete -c demo -l try -d 'only try'
complete -c demo -l config -r -F -d 'file to use'
complete -c demo -l generate -x -a 'man bash zsh fish' -d 'print the man page or a shell\'s completions'
complete -c demo -s h -l help -d 'show this and exit'
complete -c demo -s V -l version -d 'show the version and exit'
complete -c demo -n 'not __fish_seen_subcommand_from tail list' -a tail -d 'show the end: all of it'
complete -c demo -n '__fish_seen_subcommand_from tail' -r -F
complete -c demo -n '__fish_seen_subcommand_from tail' -s n -l lines -x -d 'how many'
complete -c demo -n '__fish_seen_subcommand_from tail' -s f -l follow -d 'go on'
complete -c demo -n 'not __fish_seen_subcommand_from tail list' -a list -d 'show all'
