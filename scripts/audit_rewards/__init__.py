"""Hack hunt: does any way to lose money get paid?"""
