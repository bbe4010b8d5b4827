#!/usr/bin/env python3
"""A stranger's SOAP client against `cmsim serve`: zeep with the MS-WUSP service description.

Performs GetConfig, GetAuthorizationCookie, GetCookie, RegisterComputer and SyncUpdates until the server has nothing new,
and fails on anything that the service description does not allow.

usage: wusp_zeep.py SCHEMA_FOLDER [BASE_URL]

SCHEMA_FOLDER holds the MS-WUSP service descriptions (wusp-client.wsdl, wusp-simpleauth.wsdl). They belong to Microsoft and are not part of this project.
"""

import datetime
import pathlib
import sys

import zeep

CLIENT = "http://www.microsoft.com/SoftwareDistribution/Server/ClientWebService"
SIMPLE_AUTH = "http://www.microsoft.com/SoftwareDistribution/Server/SimpleAuthWebService"
PROTOCOL = "1.8"
MOST_TRIPS = 200


def service(schemas, file, binding, address):
    """The SOAP 1.1 service of one of the service descriptions, at that address."""
    return zeep.Client(str(schemas / file)).create_service(binding, address)


def handshake(schemas, base):
    """Everything before SyncUpdates; returns the client service and a cookie."""
    wusp = service(schemas, "wusp-client.wsdl", f"{{{CLIENT}}}ClientSoap", f"{base}/ClientWebService/client.asmx")
    config = wusp.GetConfig(protocolVersion=PROTOCOL)
    plug_in = config.AuthInfo.AuthPlugInInfo[0]
    print(f"GetConfig: plug-in {plug_in.PlugInID}, registration required: {config.IsRegistrationRequired}")

    auth = service(schemas, "wusp-simpleauth.wsdl", f"{{{SIMPLE_AUTH}}}SimpleAuthSoap", f"{base}/{plug_in.ServiceUrl}")
    ticket = auth.GetAuthorizationCookie(
        clientId="5a1b4f3e-7c60-4d0e-9a53-0c7f3f2a9d11", targetGroupName="", dnsName="zeep.contoso.com"
    )
    cookie = wusp.GetCookie(
        authCookies={"AuthorizationCookie": [{"PlugInId": ticket.PlugInId, "CookieData": ticket.CookieData}]},
        oldCookie=None,
        lastChange=config.LastChange,
        currentTime=datetime.datetime.now(datetime.timezone.utc),
        protocolVersion=PROTOCOL,
    )
    print(f"GetCookie: expires {cookie.Expiration}")
    wusp.RegisterComputer(cookie=cookie, computerInfo=computer())
    print("RegisterComputer: done")
    return wusp, cookie


def computer():
    """A plain 64-bit Windows 7."""
    return {
        "DnsName": "zeep.contoso.com",
        "OSMajorVersion": 6,
        "OSMinorVersion": 1,
        "OSBuildNumber": 7601,
        "OSServicePackMajorNumber": 1,
        "OSServicePackMinorNumber": 0,
        "OSLocale": "en-US",
        "ComputerManufacturer": "Example",
        "ComputerModel": "Workstation",
        "BiosVersion": "1.0",
        "BiosName": "BIOS",
        "BiosReleaseDate": datetime.datetime(2013, 1, 1),
        "ProcessorArchitecture": "AMD64",
        "SuiteMask": 256,
        "OldProductType": 1,
        "NewProductType": 4,
        "SystemMetrics": 0,
        "ClientVersionMajorNumber": 7,
        "ClientVersionMinorNumber": 6,
        "ClientVersionBuildNumber": 7600,
        "ClientVersionQfeNumber": 256,
    }


def sync(wusp, cookie):
    """SyncUpdates until nothing new comes; every revision that has children is declared installed."""
    installed, leaves, trips = [], [], 0
    while trips < MOST_TRIPS:
        trips += 1
        parameters = {
            "ExpressQuery": False,
            "InstalledNonLeafUpdateIDs": {"int": installed} if installed else None,
            "OtherCachedUpdateIDs": {"int": leaves} if leaves else None,
            "SkipSoftwareSync": False,
        }
        answer = wusp.SyncUpdates(cookie=cookie, parameters=parameters)
        cookie = answer.NewCookie or cookie
        new = answer.NewUpdates.UpdateInfo if answer.NewUpdates else []
        known = set(installed) | set(leaves)
        if any(update.ID in known for update in new):
            sys.exit("the server sent a revision that had been declared")
        installed += [update.ID for update in new if not update.IsLeaf]
        leaves += [update.ID for update in new if update.IsLeaf]
        print(f"SyncUpdates {trips}: {len(new)} new, truncated: {answer.Truncated}")
        if not new and not answer.Truncated:
            return installed, leaves
    sys.exit(f"no end after {MOST_TRIPS} round trips")


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    base = sys.argv[2].rstrip("/") if len(sys.argv) == 3 else "http://127.0.0.1:8530"
    installed, leaves = sync(*handshake(pathlib.Path(sys.argv[1]), base))
    print(f"reached the last leaf: {len(installed)} revisions with children, {len(leaves)} leaves")
    if not installed or not leaves:
        sys.exit("a catalogue has both")


if __name__ == "__main__":
    main()
