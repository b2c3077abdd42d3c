#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    fuzz::stream_webhook::hold(input);
});
