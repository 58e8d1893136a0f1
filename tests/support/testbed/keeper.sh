# Waits until its standard input ends, because the testbed was dropped or its process died; then stops the servers of the
# folder $1 and removes it. Postfix first: Dovecot waits for the connections that Postfix holds.
trap '' INT TERM HUP
while read -r _; do :; done

is_alive() { # pid; a dead one may linger as a zombie until init looks after it
    read -r _ _ state _ 2>/dev/null <"/proc/$1/stat" && [ "$state" != Z ]
}

stop() { # pid file
    pid=$(tr -d ' ' 2>/dev/null <"$1")
    [ -n "$pid" ] || return
    kill "$pid"
    tries=0
    while is_alive "$pid"; do
        sleep 0.02
        tries=$((tries + 1))
        if [ "$tries" = 500 ]; then kill -9 "$pid"; fi
    done
}

stop "$1/spool/pid/master.pid"
stop "$1/run/dovecot/master.pid"
rm -rf "$1"
