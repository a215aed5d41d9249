"""What an appliance says when it refuses: NITRO's error codes, their words and HTTP statuses."""

from __future__ import annotations

from collections.abc import Mapping

DONE, NOENT, EXIST = 0, 258, 273
INVAL, IN_USE, LOGIN_REQUIRED, INVALID_PASSWORD, NOT_PERMITTED = 278, 315, 352, 354, 257
NO_SERVICE, ROOT_REMOVED, ROOT_BOUND, NO_POLICY, NO_USER_POLICY, NO_IP = 344, 359, 360, 373, 371, 397
NO_ARGUMENTS, SESSION_EXPIRED, SESSION_LIMIT, FAR_GATEWAY, ROUTE_RELIES = 431, 444, 445, 604, 605
ADD_NSIP, NOT_A_SNIP, FACTORY_PASSWORD, RESOURCE_LIMIT = 996, 1015, 1047, 1072
BAD_VALUE, BAD_NAME, NO_SUCH_ARGUMENT, EXCLUSIVE, MISSING, OUT_OF_RANGE = 1074, 1075, 1090, 1092, 1095, 1097
BAD_ADDRESS, BAD_NETMASK, BAD_OBJECT, BAD_JSON, BAD_METHOD, BAD_ACTION = 1110, 1111, 1232, 1233, 1236, 1240
BULK_FAILED, ALREADY_BOUND, VLAN_ROUTE, NSIP_STAYS = 1243, 2080, 2083, 2510

CODES: Mapping[int, tuple[int, str]] = {
    NOT_PERMITTED: (403, "Operation not permitted"),
    NOENT: (404, "No such resource"),
    EXIST: (409, "Resource already exists"),
    INVAL: (400, "Invalid argument"),
    IN_USE: (599, "Resource in use"),
    NO_SERVICE: (599, "No such service"),
    LOGIN_REQUIRED: (401, "Login is required"),
    INVALID_PASSWORD: (401, "Invalid username or password"),
    ROOT_REMOVED: (599, "User nsroot cannot be removed"),
    ROOT_BOUND: (599, "Command policies of user nsroot cannot be changed"),
    NO_POLICY: (599, "Command policy does not exist"),
    NO_USER_POLICY: (403, "No command policy is bound to the user"),
    NO_IP: (599, "IP address does not exist"),
    NO_ARGUMENTS: (400, "No arguments to set"),
    SESSION_EXPIRED: (401, "Session expired or killed. Please login again"),
    SESSION_LIMIT: (599, "Connection limit to cfe exceeded"),
    FAR_GATEWAY: (599, "The gateway is not directly reachable"),
    ROUTE_RELIES: (599, "A route relies on this subnet"),
    ADD_NSIP: (599, "Adding an NSIP is not allowed"),
    NOT_A_SNIP: (599, "Only SNIP, MIP and VIP addresses can be bound to a VLAN"),
    FACTORY_PASSWORD: (401, "The default password of nsroot must be changed"),
    RESOURCE_LIMIT: (599, "Resource limit exceeded"),
    BAD_VALUE: (400, "Invalid value"),
    BAD_NAME: (400, "Invalid name; names begin with a letter, a digit or _"),
    NO_SUCH_ARGUMENT: (400, "No such argument"),
    EXCLUSIVE: (400, "Arguments cannot both be specified"),
    MISSING: (400, "Required argument missing"),
    OUT_OF_RANGE: (400, "Argument value is not valid"),
    BAD_ADDRESS: (400, "Invalid IP address"),
    BAD_NETMASK: (400, "Invalid netmask"),
    BAD_OBJECT: (404, "Invalid object name"),
    BAD_JSON: (400, "Invalid JSON input"),
    BAD_METHOD: (405, "Method is not allowed for this resource"),
    BAD_ACTION: (400, "Invalid action"),
    BULK_FAILED: (207, "Bulk operation failed"),
    ALREADY_BOUND: (599, "Interface is already bound to this VLAN"),
    VLAN_ROUTE: (599, "A route relies on this VLAN"),
    NSIP_STAYS: (599, "NSIP cannot be deleted"),
}


class Refused(Exception):
    """The appliance says no: `code`, and what it is about."""

    def __init__(self, code: int, about: str = "") -> None:
        self.code = code
        self.status, words = CODES[code]
        self.message = f"{words} [{about}]" if about else words
        super().__init__(self.message)

    def body(self) -> dict[str, object]:
        return {"errorcode": self.code, "message": self.message, "severity": "ERROR"}
