#!/bin/sh
# Measures a GPU in less than four minutes: ceilings, chains of empty dispatches, kernels, passes, texts
# and likelihoods, first with the choices of the rules, then as `bdlm tune` chose, with q8, with the shape
# of a chat model, and on matrix units; what the kernels issue; texts and likelihoods in batches; what
# matrix units cost in nats; and parity of every kernel with its twin on the CPU, and of whole passes with
# the fixtures.
#
#   benches/gpu.sh FOLDER        reports as JSON, and table.txt, go to the folder
#
# BDLM is the program, OPS and MODEL the compiled tests `ops` and `model`, where they cannot be built.
# Nothing is kept in the user's folders.
set -u
out=${1:?usage: benches/gpu.sh FOLDER}
mkdir -p "$out"
if [ -z "${BDLM:-}" ]; then
    cargo build --release || exit
    BDLM=target/release/bdlm
fi
compiled() { # TEST
    cargo test --release --test "$1" --no-run 2>&1 | sed -n 's/.*(\(.*\))$/\1/p' | tail -n 1
}
if command -v cargo >/dev/null; then
    OPS=${OPS:-$(compiled ops)}
    MODEL=${MODEL:-$(compiled model)}
fi
BDLM_CACHE=$(mktemp -d)
export BDLM_CACHE
trap 'rm -rf "$BDLM_CACHE"' EXIT
begun=$(date +%s)
failed=0

# step NAME SECONDS COMMAND..: its output to NAME.txt, or to NAME where that has an ending
step() {
    name=$1 limit=$2
    shift 2
    case $name in *.*) file=$out/$name ;; *) file=$out/$name.txt ;; esac
    if timeout "$limit" "$@" >"$file" 2>"$out/errors.txt"; then
        echo "$name: done after $(($(date +%s) - begun)) s"
    else
        echo "$name: FAILED ($?): $(tail -n 3 "$out/errors.txt")"
        failed=1
    fi
}
bench() { # NAME SECONDS OPTIONS..
    name=$1 limit=$2
    shift 2
    step "$name" "$limit" "$BDLM" bench --random small --block-size 4,16 --draws 4 "$@"
}

bench rules.json 60 --measure all --context 0,512,1008 --format json
bench counts 20 --measure counts --kernels workgroup --context 512
# Five dispatches a layer, or as many as were measured to be faster.
step tune.json 40 "$BDLM" tune --passes 10 --format json
bench tuned 30 --measure passes,text,likelihood --context 0,512,1008 --compare "$out/rules.json"
bench q8 20 --measure passes --context 512 --weights q8 --compare "$out/rules.json"
bench units 20 --measure likelihood --kernels cooperative --compare "$out/rules.json"
step chat 30 "$BDLM" bench --random qwen3-0.6b --block-size 4,16 --measure passes,prompt --context 512
for batch in 1 16 64; do
    step "batch$batch" 20 "$BDLM" generate --samples "$batch" --batch "$batch" --length 128 --seed 7
    echo "batch $batch: $(tail -n 2 "$out/errors.txt")" >>"$out/batches.txt"
done
# Likelihoods of many sequences, by draws on matrix units where there are, and in f32.
for batch in 1 4 16; do
    step "draws$batch" 20 "$BDLM" eval ppl --data README.md --batch "$batch"
    grep -E '^(passes|nats)' "$out/draws$batch.txt" | sed "s/^/batch $batch: /" >>"$out/draws.txt"
done
step orders.json 20 "$BDLM" eval ppl --data README.md --estimator orders --format json
step orders32.json 30 "$BDLM" eval ppl --data README.md --estimator orders --kernels workgroup \
    --format json
grep -E '"(nll_per_token|kernels)"' "$out/orders.json" "$out/orders32.json" >"$out/nats.txt"
[ -n "${OPS:-}" ] && step parity 60 "$OPS" --skip sampling --test-threads 16
[ -n "${MODEL:-}" ] && step fixtures 30 "$MODEL" --test-threads 16
{
    echo "rules: rules.json"
    for name in parity fixtures counts tuned q8 units chat batches draws nats; do
        [ -f "$out/$name.txt" ] && echo && echo "== $name" && tail -n 60 "$out/$name.txt"
    done
} >"$out/table.txt"
echo "all: $(($(date +%s) - begun)) s"
exit $failed
