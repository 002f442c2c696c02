"""Releases on a board: signed bundles, side by side under ``/opt/rtva/releases``, switched whole or not at all.

Standard library alone: ``install.sh`` runs this out of the bundle's own wheel before anything is installed.
"""
