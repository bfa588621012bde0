#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The whole userland of a laboratory guest: a heartbeat on the console, a power button, a guest agent of five verbs.
export PATH=/bin
exec >/dev/console 2>&1 </dev/null
mount -t tmpfs run /run
uuid=$(cat /sys/class/dmi/id/product_uuid)
mac=$(cat /sys/class/net/eth0/address 2>/dev/null)
boots=$(cat /var/log/boots)
echo "$boots$(date +%s)" > /var/log/boots
sync
# Open before the first words, so that whoever waits for these may press the button at once: it remembers from here on.
exec 4</dev/null
for device in /sys/class/input/event*; do
    grep -q "Power Button" "$device/device/name" && exec 4<"/dev/input/${device##*/}"
done
echo "guest: up uuid=$uuid mac=$mac"

halt() {
    echo "guest: powering off" >/dev/console
    sync
    umount / 2>/dev/null || mount -o remount,ro /
    poweroff -f
}

# The first event is enough. An empty read is /dev/null: there is no button.
power_button() { [ "$(dd bs=24 count=1 <&4 2>/dev/null | od -An -v | head -c 1)" ] && halt; }

# Just enough of QEMU's guest agent for libvirt to shut down, freeze and thaw this guest.
agent() {
    port=/dev/vport1p1
    for entry in /sys/class/virtio-ports/*; do
        grep -q org.qemu.guest_agent.0 "$entry/name" && port=/dev/${entry##*/}
    done
    # Kept open: libvirt connects its end only once it sees ours open, and until then a read says end of file.
    exec 3<>"$port"
    if [ -e /etc/hang-agent ]; then while true; do sleep 3600; done; fi
    while true; do
        read -r line <&3 || { sleep 0.2; continue; }
        [ -e /etc/deaf-agent ] && continue
        case $line in
        *guest-sync*) id=${line##*\"id\":}; echo "{\"return\":${id%%[!0-9]*}}" ;;
        *guest-fsfreeze-status*) if [ -e /run/frozen ]; then echo '{"return":"frozen"}'; else echo '{"return":"thawed"}'; fi ;;
        *guest-fsfreeze-freeze*) sync; fsfreeze --freeze / && : > /run/frozen; echo '{"return":1}' ;;
        *guest-fsfreeze-thaw*) fsfreeze --unfreeze /; rm -f /run/frozen; echo '{"return":1}' ;;
        *guest-shutdown*) halt ;;
        *guest-ping*) echo '{"return":{}}' ;;
        *) echo '{"error":{"class":"CommandNotFound","desc":"this guest knows no such command"}}' ;;
        esac >&3
    done
}

# Connects to each port over and over; who listens there counts. A connection that is cut between its beginning and its
# end would be waited for without the time limit, and the other ports with it.
try() {
    while true; do
        for port in $2; do busybox timeout 2 busybox nc -w 1 "$1" "$port" </dev/null >/dev/null 2>&1; done
        sleep 0.3
    done
}

# One connection with a little traffic, made anew when it breaks.
stream() {
    while true; do
        while echo tick; do sleep 0.2; done 2>/dev/null | busybox nc "$1" "$2" 2>/dev/null
        sleep 0.3
    done
}

# As much as goes through, whenever somebody listens.
load() {
    while true; do
        busybox nc "$1" "$2" </dev/zero >/dev/null 2>&1
        sleep 0.5
    done
}

# Hundredths of a second since the boot, without a process of its own.
clock() {
    read -r now _ </proc/uptime
    now=${now%.*}${now#*.}
}

# Writes and reads a file of so many blocks of 64 KiB, one block a step, and says every so often how long the steps took and how
# long the longest way from one step's end to the next one's was: what a customer notices of who else is on his host.
io() {
    dd if=/dev/zero of=/io bs=64k count="$1" 2>/dev/null
    block=0
    while true; do
        steps=0 busy=0 worst=0
        clock
        last=$now
        while [ $steps -lt 10 ]; do
            block=$(((block + 7) % $1))
            clock
            begun=$now
            dd if=/dev/zero of=/io bs=64k count=1 seek=$block conv=notrunc,fsync 2>/dev/null
            dd if=/io of=/dev/null bs=64k count=1 skip=$block iflag=direct 2>/dev/null || echo "guest: io failed"
            clock
            busy=$((busy + now - begun))
            [ $((now - last)) -gt $worst ] && worst=$((now - last))
            last=$now
            steps=$((steps + 1))
            sleep 0.05
        done
        echo "guest: io steps=$steps busy=$busy worst=$worst"
    done
}

# What the kernel's command line asks for; nothing, for most guests.
for word in $(cat /proc/cmdline); do
    value=${word#*=}
    case $word in
    lab.ip=*) ip link set eth0 up; ip address add "$value" dev eth0 ;;
    lab.try=*) try "${value%%,*}" "$(echo "${value#*,}" | busybox tr , ' ')" & ;;
    lab.stream=*) stream "${value%%,*}" "${value#*,}" & ;;
    lab.io=*) io "$value" & ;;
    lab.load=*) load "${value%%,*}" "${value#*,}" & ;;
    esac
done

[ -e /etc/ignore-acpi ] || power_button &
[ -e /etc/ignore-acpi ] || [ -e /etc/no-agent ] || agent &
if [ -e /etc/address ]; then
    address=$(cat /etc/address)
    ip addr add "$address" dev eth0
    ip link set eth0 up
    # Asking for a neighbour tells everybody on the network who asks.
    while sleep 1; do ping -c 1 -W 1 "${address%.*}.1" >/dev/null; done &
fi
beat=0
while true; do
    beat=$((beat + 1))
    echo "guest: beat $beat uuid=$uuid mac=$mac"
    sleep 1
done
