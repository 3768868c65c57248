"""The parameters of an HTB class as the kernel takes them: bytes per second, bursts as ticks."""

from typing import Any

from lbrouter.compile.shaping.htb import MAX_BURST_US, burst_us
from lbrouter.kernel.objects.qdisc_read import LINKLAYER_ETHERNET, MAX_32_BIT, us_to_ticks
from lbrouter.model.errors import NotAppliedError
from lbrouter.model.kernel_state import HtbClass
from lbrouter.model.messages.phrase import phrase


def htb_options(htb_class: HtbClass) -> list[tuple[str, Any]]:
    """The whole set of parameters, always: what is left out is reset. Raises NotAppliedError.

    Both rates say that they are Ethernet's, which spares the rate tables of old kernels.
    """
    rate, ceil = htb_class.rate // 8, htb_class.ceil // 8
    parameters = {
        "rate": min(rate, MAX_32_BIT), "rate___reserved": LINKLAYER_ETHERNET,
        "rate_overhead": htb_class.overhead, "rate_mpu": htb_class.mpu,
        "ceil": min(ceil, MAX_32_BIT), "ceil___reserved": LINKLAYER_ETHERNET,
        "ceil_overhead": htb_class.overhead, "ceil_mpu": htb_class.mpu,
        "buffer": _burst_ticks(htb_class, htb_class.rate, htb_class.burst),
        "cbuffer": _burst_ticks(htb_class, htb_class.ceil, htb_class.cburst),
        "quantum": htb_class.quantum, "prio": htb_class.prio,
    }  # fmt: skip
    attributes: list[tuple[str, Any]] = [("TCA_HTB_PARMS", parameters)]
    attributes += [("TCA_HTB_RATE64", rate)] if rate > MAX_32_BIT else []
    attributes += [("TCA_HTB_CEIL64", ceil)] if ceil > MAX_32_BIT else []
    return attributes


def _burst_ticks(htb_class: HtbClass, rate: int, burst: int) -> int:
    """`burst` bytes at `rate` in ticks of 32 bits. Raises NotAppliedError where there are more."""
    microseconds = burst_us(rate, burst)
    if microseconds > MAX_BURST_US:
        where = f"class {htb_class.classid[0]:x}:{htb_class.classid[1]:x} of {htb_class.interface}"
        raise NotAppliedError(
            phrase(
                "The kernel takes no burst of {burst} bytes at {rate} bit/s ({where}).",
                burst=burst,
                rate=rate,
                where=where,
            )
        )
    return us_to_ticks(microseconds)
