#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# First process of a laboratory guest: inserts the modules its disk needs and hands over to the disk's own init.
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
@INSERT_MODULES@
tries=0
while [ ! -b /dev/vda ] && [ $tries -lt 100 ]; do sleep 0.05; tries=$((tries + 1)); done
mount -t ext4 /dev/vda /disk || { echo "guest: cannot mount its disk"; poweroff -f; }
mount -o move /proc /disk/proc
mount -o move /sys /disk/sys
mount -o move /dev /disk/dev
exec switch_root /disk /sbin/init
