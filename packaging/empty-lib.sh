#!/bin/sh
# Stands in for lib.exe of MSVC where code is linted and not linked: makes an empty library.
set -eu
for argument; do
  case $argument in
    -out:*) : >"${argument#-out:}" ;;
  esac
done
