"""What the screen and the daemon say of a lane, in Indonesian."""

from typing import Final

LANE_TRANSLATIONS: Final = {
    "{line}: copies, loss {loss}, RTT {rtt}, dropped {dropped}": (
        "{line}: salinan, loss {loss}, RTT {rtt}, dibuang {dropped}"
    ),
    "{line}: no copies: {reason}": "{line}: tanpa salinan: {reason}",
    "no second line is left: {line} carries {lane} alone": (
        "tidak ada jalur kedua: hanya {line} yang membawa {lane}"
    ),
    "metered: it waits until another line has a problem": (
        "berkuota: menunggu sampai jalur lain bermasalah"
    ),
    "no handshake with the relay {address} yet": "belum ada handshake dengan relay {address}",
    "no handshake with the relay {address} for {seconds} s": (
        "tidak ada handshake dengan relay {address} selama {seconds} dtk"
    ),
    "none of {lines} has an address and a carrier": (
        "tidak satu pun dari {lines} punya alamat dan sinyal kabel"
    ),
    "the clock of this machine says {now}, and was at {later} before: the relay refuses a handshake"
    " that is older than the last one": (
        "jam mesin ini menunjukkan {now}, dan sebelumnya {later}: relay menolak handshake yang"
        " lebih lama dari yang terakhir"
    ),
    "set the clock, or restart the relay where the earlier time was the wrong one": (
        "betulkan jam, atau mulai ulang relay bila waktu yang sebelumnya itulah yang salah"
    ),
    "the relay {address} does not answer by any line: it is off, or its address is another one": (
        "relay {address} tidak menjawab lewat jalur mana pun: mati, atau alamatnya sudah lain"
    ),
    "the relay {address} answers ping, but UDP port {port} does not pass: this network blocks it,"
    " or the firewall of the relay's provider does": (
        "relay {address} menjawab ping, tetapi UDP port {port} tidak lewat: diblokir jaringan ini,"
        " atau firewall penyedia relay"
    ),
    "UDP reaches the relay {address}, but its WireGuard does not answer: the keys differ, or it"
    " does not run (lbrouter relay setup {lane})": (
        "UDP sampai ke relay {address}, tetapi WireGuard-nya tidak menjawab: kuncinya berbeda,"
        " atau tidak berjalan (lbrouter relay setup {lane})"
    ),
    "{host} does not resolve: {address} is the last address that it had": (
        "nama {host} tidak ditemukan: {address} adalah alamat terakhirnya"
    ),
    "{host} does not resolve: {address} is the last address that it had, and that does not answer"
    " by any line": (
        "nama {host} tidak ditemukan: {address} adalah alamat terakhirnya, dan tidak menjawab lewat"
        " jalur mana pun"
    ),
}
