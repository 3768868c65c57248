# The first login of a machine that is not a gateway yet: look at its ports and write the file.
if [ "$(id -u)" = 0 ] && [ -t 0 ] && command -v lbrouter >/dev/null && [ ! -e /etc/lbrouter/lbrouter.toml ]; then
    echo "This machine has no configuration yet. lbrouter init looks at its ports and asks a little."
    lbrouter init && echo "Look at it (nano /etc/lbrouter/lbrouter.toml), then: systemctl start lbrouter"
fi
