# Waits until its standard input ends, because the testbed was dropped or its process died; then stops the servers of the
# folder $1 and removes it. Postfix first: Dovecot waits for the connections that Postfix holds.
trap '' INT TERM HUP
while read -r _; do :; done

is_alive() { # pid; a dead one may linger as a zombie until init looks after it
    read -r _ _ state _ 2>/dev/null <"/proc/$1/stat" && [ "$state" != Z ]
}

children() { # pid
    for stat in /proc/[0-9]*/stat; do
        if read -r pid _ _ parent _ 2>/dev/null <"$stat" && [ "$parent" = "$1" ]; then echo "$pid"; fi
    done
}

stop() { # pid file
    master=$(tr -d ' ' 2>/dev/null <"$1")
    [ -n "$master" ] || return
    kill "$master"
    tries=0
    while is_alive "$master"; do
        sleep 0.02
        tries=$((tries + 1))
        # Dovecot often takes 5 seconds to give up on its login processes; nothing here is worth that.
        if [ "$tries" = 25 ]; then kill -9 $(children "$master") "$master"; fi
    done
}

stop "$1/spool/pid/master.pid"
stop "$1/run/dovecot/master.pid"
rm -rf "$1"
