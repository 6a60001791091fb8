"""The same with the imports of a tool that talks to the world."""

import argparse
import asyncio
import csv
import decimal
import email.message
import http.client
import json
import logging
import multiprocessing
import sqlite3
import sys
import unittest.mock
import urllib.request
import xml.etree.ElementTree

LOADED = [argparse, asyncio, csv, decimal, email, http, logging, multiprocessing, sqlite3, unittest, urllib, xml]

count = int(sys.argv[1])
print(json.dumps({"count": count, "numbers": list(range(count)), "modules": len(LOADED)}))
