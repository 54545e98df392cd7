//! What to do about an error of the library, in flags, commands and variables.

use bdlm::Advice;

/// The words, to stand after the error.
pub fn words(advice: Advice) -> &'static str {
    match advice {
        Advice::InstallDriver => {
            "install a Vulkan, Metal or DX12 driver (on Debian without a GPU: `apt-get install \
             mesa-vulkan-drivers`)"
        }
        Advice::ChooseAdapter => "try another --adapter",
        Advice::ChooseKernels => "try other --kernels",
        Advice::LoadAgain => "run the command again",
        Advice::DoNotProfile => "run without --profile",
        Advice::CheckName => "check the name, or give a folder",
        Advice::GoOnline => {
            "unset HF_HUB_OFFLINE to download it, or copy the cache from a machine with a network"
        }
        Advice::CheckNetwork => "check the network and HF_ENDPOINT, or give local files",
        Advice::GiveToken => "check the name, or set HF_TOKEN to a token that may read it",
        Advice::GiveLocalFile => "give a local file",
        Advice::DownloadAgain => "download or convert the checkpoint again",
        Advice::NameTokenizer => "give one with --tokenizer FILE",
        Advice::NameTemplate => "give one with --chat-template FILE",
        Advice::NameMask => "give it with --mask-id N",
        Advice::NameBlockSize => "give it with --block-size K",
        Advice::HoldF32 => "try --weights f32",
        Advice::AskForLess => {
            "try a smaller --batch or --length, --weights q8, or another --adapter"
        }
        Advice::LongerText => "try a greater --length",
        Advice::ReadLogits => "`bdlm logits` runs it",
        Advice::SmallerBlocksOrOrders => "try a smaller --block-size, or --estimator orders",
        Advice::LargerContextOrSmallerBlocks => "try a larger --context, or a smaller --block-size",
        Advice::SmallerContext => "try a smaller --context",
        Advice::NoiseDraws => "try --estimator mc",
        Advice::NoSpecialTokens => "try --insert-eos false --insert-special false",
        Advice::NameTextKey => "name the one that holds the text with --text-key",
        _ => "see `bdlm help`",
    }
}
