"""The screen in Indonesian: each English text with its translation; placeholders in braces stay.

In the words of event technicians: "jalur" for an uplink, "putus" when it is down; "loss", "RTT",
"upload" and "VLAN" stay, as they are printed on the devices.
"""

from typing import Final

from lbrouter.compile.report.lane_translations import LANE_TRANSLATIONS

STATE_TRANSLATIONS: Final = {
    "up": "normal",
    "degraded": "terganggu",
    "down": "putus",
    "waiting": "menunggu",
    "checking": "diperiksa",
    "drained": "dikosongkan",
}

SCREEN_TRANSLATIONS: Final = {
    "NO DAEMON: there is no failover. Start it: systemctl start lbrouter": (
        "DAEMON MATI: tidak ada failover. Jalankan: systemctl start lbrouter"
    ),
    "THE DAEMON DOES NOT ANSWER. This screen shows the kernel alone.": (
        "DAEMON TIDAK MENJAWAB. Ini yang sekarang dipegang kernel."
    ),
    "NOTHING IS APPLIED: the kernel has no settings of lbrouter": (
        "BELUM DITERAPKAN: kernel belum memegang apa pun dari lbrouter"
    ),
    "THE KERNEL DIFFERS FROM THE CONFIGURATION since {since}": (
        "KERNEL TIDAK SESUAI KONFIGURASI sejak {since}"
    ),
    "the file on disk is not applied: it was rolled back": (
        "berkas di disk tidak berlaku: sudah dibatalkan"
    ),
    "NOT CONFIRMED: undone in {seconds} s unless you run lbrouter confirm": (
        "MASA COBA: batal dalam {seconds} dtk, kecuali ada `lbrouter confirm`"
    ),
    "status cannot be read: {error}": "tidak bisa melihat: {error}",
    "no uplink": "tidak ada jalur",
    "pinned": "dikunci",
    "uplink": "jalur",
    "state": "keadaan",
    "loss": "loss",
    "RTT": "RTT",
    "upload Mbit/s": "upload Mbit/s",
    "download Mbit/s": "download Mbit/s",
    "loss 1 min": "loss 1 menit",
    "RTT 1 min": "RTT 1 menit",
    "VLAN": "VLAN",
    "policy": "kebijakan",
    "up / guaranteed": "upload / jaminan",
    "down / guaranteed": "download / jaminan",
    "SHORT: {missing} Mbit/s of upload missing": "KURANG: jaminan upload kurang {missing} Mbit/s",
    "SHORT: {missing} Mbit/s of download missing": (
        "KURANG: jaminan download kurang {missing} Mbit/s"
    ),
    "and {count} more": "dan {count} lagi",
    "incident {number}, now": "insiden {number}, sekarang",
    "last incident ({number})": "insiden terakhir ({number})",
    "no incident yet": "belum ada insiden",
    "repairs: none": "perbaikan: tidak ada",
    "repairs: {count}, the last at {at}: {what}": (
        "perbaikan: {count}, terakhir pukul {at}: {what}"
    ),
    "Ctrl-C leaves": "Ctrl-C keluar",
}

INCIDENT_TRANSLATIONS: Final = {
    "incident {number}": "insiden {number}",
    "times in {zone}": "waktu {zone}",
    "{uplink} lost {value} of its packets from {since} on": (
        "{uplink} kehilangan {value} paket sejak {since}"
    ),
    "{uplink} was slow ({value}) from {since} on": "{uplink} lambat ({value}) sejak {since}",
    "{uplink} had jitter ({value}) from {since} on": (
        "{uplink} tidak stabil ({value}) sejak {since}"
    ),
    "the cable of {uplink} ({interface}) lost its signal at {since}": (
        "kabel {uplink} ({interface}) terputus sejak {since}"
    ),
    "{uplink} showed a captive portal from {since} on": (
        "{uplink} menampilkan halaman login (captive portal) sejak {since}"
    ),
    "{uplink} stopped answering at {since}": "{uplink} tidak merespons sejak {since}",
    "{uplink} had no address from {since} on": "{uplink} tidak mendapat alamat IP sejak {since}",
    "the interface of {uplink} disappeared at {since}": "port {uplink} hilang sejak {since}",
    "{uplink} had a problem from {since} on: {reason}": (
        "{uplink} bermasalah sejak {since}: {reason}"
    ),
    "it failed {count} times": "putus {count} kali",
    "{policy} moved to {to} at {at}": "{policy} pindah ke {to} pukul {at}",
    "{policy} moved back to {to} at {at}": "{policy} kembali ke {to} sejak {at}",
    "{policy} had no uplink from {at} on": "{policy} tidak punya jalur sejak {at}",
    "{policies} stayed": "{policies} tetap",
    "no policy had to switch": "tidak ada yang perlu pindah",
    "{uplink} works again since {since}": "{uplink} normal lagi sejak {since}",
}

REASON_TRANSLATIONS: Final = {
    "drained by hand": "dikosongkan oleh operator",
    "no carrier on {interface}": "kabel {interface} tidak tersambung",
    "no address yet ({how}) on {interface}": "belum dapat alamat IP ({how}) di {interface}",
    "interface {interface} is not there": "port {interface} tidak ada",
    "{failure} on {count} target for {span}": "{failure} dari {count} target selama {span}",
    "{failure} on {count} targets for {span}": "{failure} dari {count} target selama {span}",
    "no answer": "tidak ada jawaban",
    "unreachable": "tidak terjangkau",
    "refused": "ditolak",
    "captive portal": "halaman login (captive portal)",
    "wrong answer": "jawaban salah",
    "not sent": "tidak terkirim",
    "answers again for {span}": "sudah menjawab lagi selama {span}",
    "back after {span} without fault": "dipakai lagi setelah {span} tanpa gangguan",
    "back after {span} without fault, longer after {count} outages": (
        "dipakai lagi setelah {span} tanpa gangguan, lebih lama karena sudah putus {count} kali"
    ),
    "no target answers for {span}, connections go on": (
        "target tidak menjawab selama {span}, koneksi masih jalan"
    ),
    "no answer for {span}": "tidak ada jawaban selama {span}",
    "was silent": "tadi tidak merespons",
    "new flows avoid it": "koneksi baru dialihkan",
    "new flows avoid it for another {span}": "koneksi baru dialihkan {span} lagi",
    "captive portal instead of {page}": "halaman login (captive portal), bukan {page}",
    "loss {value} > {limit} ({policy})": "loss {value} > {limit} ({policy})",
    "latency {value} > {limit} ({policy})": "latensi {value} > {limit} ({policy})",
    "jitter {value} > {limit} ({policy})": "jitter {value} > {limit} ({policy})",
    "loss {value}, was over {limit} ({policy})": "loss {value}, tadi di atas {limit} ({policy})",
    "latency {value}, was over {limit} ({policy})": (
        "latensi {value}, tadi di atas {limit} ({policy})"
    ),
    "jitter {value}, was over {limit} ({policy})": (
        "jitter {value}, tadi di atas {limit} ({policy})"
    ),
    "loss {value}, back in {span} if it stays ({policy})": (
        "loss {value}, kembali dalam {span} kalau tetap begini ({policy})"
    ),
    "latency {value}, back in {span} if it stays ({policy})": (
        "latensi {value}, kembali dalam {span} kalau tetap begini ({policy})"
    ),
    "jitter {value}, back in {span} if it stays ({policy})": (
        "jitter {value}, kembali dalam {span} kalau tetap begini ({policy})"
    ),
    "unknown": "belum diketahui",
    "not probed yet": "belum diuji",
    "{fine} of {count} target answer": "{fine} dari {count} target menjawab",
    "{fine} of {count} targets answer": "{fine} dari {count} target menjawab",
    "carrier": "tersambung",
    "not probed, no daemon runs": "tidak diuji, daemon mati",
}
"""The texts of `compile.health.reasons` and `compile.health.carrier_only`, clause by clause."""

INDONESIAN: Final[dict[str, str]] = {
    **LANE_TRANSLATIONS,
    **STATE_TRANSLATIONS,
    **SCREEN_TRANSLATIONS,
    **INCIDENT_TRANSLATIONS,
    **REASON_TRANSLATIONS,
}
