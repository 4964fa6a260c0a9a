#!/bin/sh
# Builds the images and measures each: what it adds to flash, its statics, its stack, and its handshake
# under QEMU, in time and in instructions. It needs Debian's rustc-web, rust-web-src, cargo-web, lld,
# llvm, qemu-system-arm and openssl. `run.sh build` only builds; `run.sh measure` only measures.
set -e
cd "$(dirname "$0")"
./pki.sh
. ./env.sh
TARGET=thumbv7em-none-eabihf
if [ "$1" != measure ]; then
    cargo build --release --locked -Zbuild-std=core --target $TARGET
    (cd arena && cargo build --release --locked -Zbuild-std=core,alloc --target $TARGET)
fi
[ "$1" = build ] && exit 0
BASE=$(llvm-size target/$TARGET/release/base | awk 'NR==2 { print $1 }')
# The port of a server that was free a moment ago; the next is for the stream without TLS.
PORT=$((20000 + $$ % 20000))
openssl s_server -accept 127.0.0.1:$PORT -cert target/pki/leaf.pem -key target/pki/leaf.key \
    -tls1_3 -www -quiet >/dev/null 2>&1 &
SERVER=$!
python3 -m http.server --bind 127.0.0.1 $((PORT + 1)) --directory target/pki >/dev/null 2>&1 &
PLAIN=$!
trap 'kill $SERVER $PLAIN' EXIT
sleep 1

# One run of an image: what it reports.
run() {
    timeout 100 qemu-system-arm -machine mps2-an386 -nographic -monitor none -serial none \
        -nic user,model=lan9118,mac=02:00:00:00:00:01 $3 -kernel "$1" \
        -semihosting-config "enable=on,target=native,arg=x,arg=to=10.0.2.2:$2,arg=time=$(date +%s),arg=url=$4" \
        2>&1 >/dev/null | grep -a '^[a-z]' | tail -1
}

echo '| image | flash added | .bss and .data | peak stack | handshake, ms (5 runs) | million instructions |'
echo '| --- | --- | --- | --- | --- | --- |'
for image in base embedded-none embedded-rustpki embedded-webpki embedded-pin muxfer-roots muxfer-pin rustls get-plain get-secured; do
    elf=target/$TARGET/release/$image
    [ $image = rustls ] && elf=arena/target/$TARGET/release/muxfer-tls-study-arena
    [ -f $elf ] || continue
    port=$PORT
    url=https://server.test:$PORT/
    base=$BASE
    case $image in
        base) port=$((PORT + 1)) ;;
        get-plain) url=http://10.0.2.2:$((PORT + 1))/ ;;
        get-secured) base=$(llvm-size target/$TARGET/release/get-plain | awk 'NR==2 { print $1 }') ;;
    esac
    times=
    for _ in 1 2 3 4 5; do
        set -- $(run $elf $port '' $url)
        times="$times $2"
        stack=$4
    done
    median=$(printf '%s\n' $times | sort -n | awk 'NR==3 { printf "%.0f", $1 / 1000 }')
    # One instruction is one nanosecond of the device's clock; the wait for the server is real time.
    set -- $(run $elf $port '-icount shift=0' $url)
    millions=$(echo "${2:-0}" | awk '{ printf "%.0f", $1 / 1000 }')
    size=$(llvm-size $elf | awk -v base="$base" 'NR==2 { printf "%d | %d", $1 - base, $2 + $3 }')
    echo "| $image | $size | $stack | $median | $millions |"
done
