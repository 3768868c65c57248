"""The codes of all messages. Programs read them: these words stay as they are."""

from enum import StrEnum


class ReasonCode(StrEnum):
    """Why a line is in its state: the key `reason_code` of `status --json`."""

    ANSWERING = "answering"
    CAPTIVE_PORTAL = "captive_portal"
    CHECKING = "checking"
    DRAINED = "drained"
    FOLLOWS_OTHER_FAMILY = "follows_other_family"
    HOLD_DOWN = "hold_down"
    """It answers again, and has to stay so for a while."""
    JITTER = "jitter"
    LATENCY = "latency"
    LOSS = "loss"
    MTU_BLACK_HOLE = "mtu_black_hole"
    """Small packets pass, packets of full size passed and do no longer."""
    NO_ADDRESS = "no_address"
    NO_ANSWER = "no_answer"
    NO_CARRIER = "no_carrier"
    NO_INTERFACE = "no_interface"
    NOT_PROBED = "not_probed"
    SUSPECT = "suspect"
    """Silent for a moment, now or a short time ago."""


class AddressCode(StrEnum):
    """Why an uplink has no address or no next hop; the value `why` of NO_ADDRESS."""

    EXTERNAL_NO_ADDRESS = "external_no_address"
    EXTERNAL_NO_GATEWAY = "external_no_gateway"
    NO_ROUTER_ADVERTISEMENT = "no_router_advertisement"
    DHCP_NOT_ASKED = "dhcp_not_asked"
    """No daemon has asked yet."""
    DHCP_ASKING = "dhcp_asking"
    DHCP_NO_SERVER = "dhcp_no_server"
    DHCP_NO_SOCKET = "dhcp_no_socket"
    DHCP_REJECTED = "dhcp_rejected"
    """A server offers what no host could use; `offer` says what."""
    PPPOE_WAITING = "pppoe_waiting"
    PPPOE_SESSION_ENDED = "pppoe_session_ended"
    PPPOE_NO_NEGOTIATION = "pppoe_no_negotiation"
    PPPOE_SILENT = "pppoe_silent"
    PPPOE_NO_ADDRESS = "pppoe_no_address"
    PPPOE_NO_PASSWORD_ASKED = "pppoe_no_password_asked"
    PPPOE_LOGIN_REFUSED = "pppoe_login_refused"
    PPPOE_PORT_DOWN = "pppoe_port_down"
    PPPOE_REFUSED = "pppoe_refused"
    PPPOE_NO_SESSION_GIVEN = "pppoe_no_session_given"
    PPPOE_NO_SERVER = "pppoe_no_server"
    SESSION_ENDED = "session_ended"
    LANE_NO_RELAY = "lane_no_relay"
    LANE_RELAY_UNKNOWN = "lane_relay_unknown"
    LANE_NO_KEYS = "lane_no_keys"
    LANE_NO_HANDSHAKE = "lane_no_handshake"


class OfferCode(StrEnum):
    """What is wrong with what a DHCP server offers; the value `offer` of DHCP_REJECTED."""

    OVERLAPS_VLAN = "dhcp_offer_overlaps_vlan"
    WHOLE_INTERNET = "dhcp_offer_whole_internet"
    NO_HOST_ADDRESS = "dhcp_offer_no_host_address"
    RESERVED_ADDRESS = "dhcp_offer_reserved_address"
    WRONG_NETMASK = "dhcp_offer_wrong_netmask"
    NO_ROUTER = "dhcp_offer_no_router"
    WRONG_ROUTER = "dhcp_offer_wrong_router"
    NO_SERVER_NAMED = "dhcp_offer_no_server_named"
    NO_TIME = "dhcp_offer_no_time"
    REFUSED_AFTERWARDS = "dhcp_offer_refused_afterwards"


class LaneCode(StrEnum):
    """What is said of a lane: why its relay is silent, and what its lines do."""

    NO_LINE = "lane_no_line"
    CLOCK = "lane_clock_wrong"
    NAME_UNRESOLVED = "lane_name_unresolved"
    RELAY_GONE = "lane_relay_gone"
    UDP_BLOCKED = "lane_udp_blocked"
    KEYS_DIFFER = "lane_keys_differ"
    NOT_SET_UP = "lane_not_set_up"
    NO_IPV4 = "lane_line_no_ipv4"
    METERED_WAITS = "lane_line_metered_waits"
    ALONE = "lane_alone"
    NOT_ALONE = "lane_not_alone"
    RELAY_ADDRESS = "lane_relay_address"


class EventCode(StrEnum):
    """Lines of the timeline: the key `code` of an event's `more`."""

    UPLINK_STATE = "uplink_state"
    UPLINK_POLICIES = "uplink_policies"
    UPLINK_AT_START = "uplink_at_start"
    POLICY_APPEARED = "policy_appeared"
    POLICY_MOVED = "policy_moved"
    GUARANTEE_SHORT = "guarantee_short"
    GUARANTEE_WHOLE = "guarantee_whole"
    ADJUSTED = "adjusted"
    APPLIED = "applied"
    APPLIED_ON_TRIAL = "applied_on_trial"
    CONFIRMED = "confirmed"
    ROLLED_BACK = "rolled_back"
    ROLLED_BACK_LATE = "rolled_back_late"
    DRAINED = "operator_drained"
    DRAINED_NOW = "operator_drained_now"
    PINNED = "operator_pinned"
    RESTORED = "operator_restored"
    STILL_RUNNING = "still_running"
    OVERRIDE = "override"
    """What an operator asked for, by name; the value `override` of the two that follow."""
    AWAITED = "awaited"
    """What it waits for; the value `waits_for`."""
    OVERRIDE_WAITS = "override_waits"
    OVERRIDE_BACK = "override_back"
    SETTINGS_KEPT = "settings_kept"
    LIMITED = "operator_limited"
    LIMIT_REMOVED = "limit_removed"
    LIMIT_ABSENT = "limit_absent"
    LIMIT_EXPIRED = "limit_expired"
    LEASE_GRANTED = "lease_granted"
    LEASE_LOST = "lease_lost"
    INTERFACE_FOUND = "interface_found"
    """A line's interface is another one than before."""
    PORT_MISSING = "port_missing"
    PORT_BACK = "port_back"
    VLANS_WAIT = "vlans_wait"
    KERNEL_WRONG = "kernel_wrong"
    KERNEL_RIGHT = "kernel_right"
    FAILOVER_REFUSED = "failover_refused"
    RATES_REFUSED = "rates_refused"
    RECONCILE_FAILED = "reconcile_failed"
    APPLY_REFUSED = "apply_refused"
    FILE_REFUSED = "file_refused"
    NOT_REMEMBERED = "not_remembered"
    STOPPED = "stopped"


class TextCode(StrEnum):
    """What is no reason by itself."""

    FAMILY = "family"
    """Of one address family: `reason`."""

    TOLD = "told"
    """Words of another program, or of an earlier release: `text`, in one language."""


CODE_KINDS = (ReasonCode, AddressCode, OfferCode, LaneCode, EventCode, TextCode)
"""All enumerations of codes; no word is in two of them."""
