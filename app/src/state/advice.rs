//! What the library advises about an error, as the words and the deed of a button.

use bdlm::hub::DEFAULT_MODEL;
use bdlm::{Advice, Error};

use crate::engine::{Attempt, Source};
use crate::state::banner::Remedy;
use crate::state::models::Models;

/// The button of a run that failed.
pub fn remedy_of_run(error: &Error, models: &Models) -> (String, Remedy) {
    use Advice::{
        AskForLess, ChooseAdapter, ChooseKernels, DownloadAgain, HoldF32, InstallDriver, LoadAgain,
        NameTokenizer, ReadLogits,
    };
    let (words, remedy) = match error.advice() {
        Some(LoadAgain) => ("Load the model again", Remedy::Load(models.loaded_from.clone())),
        Some(AskForLess) => ("Change the settings", Remedy::ShowSettings),
        Some(ChooseAdapter | ChooseKernels | InstallDriver) => {
            ("Choose an adapter", Remedy::ShowModel)
        }
        Some(NameTokenizer) => ("Choose a model with a tokenizer", Remedy::ShowModel),
        Some(DownloadAgain | HoldF32 | ReadLogits) => ("Choose another model", Remedy::ShowModel),
        _ if matches!(error, Error::Request(_) | Error::Config(_)) => {
            ("Change the settings", Remedy::ShowSettings)
        }
        _ => ("Begin again", Remedy::Generate),
    };
    (words.into(), remedy)
}

/// The button of a model that could not be found or loaded.
pub fn remedy_of_load(error: &Error, what: &Attempt, models: &Models) -> (String, Remedy) {
    use Advice::{
        AskForLess, ChooseAdapter, ChooseKernels, DownloadAgain, HoldF32, InstallDriver, LoadAgain,
        NameTokenizer, ReadLogits,
    };
    let (source, again) = match what {
        Attempt::Find(source) => (source, Remedy::Find(source.clone())),
        Attempt::Load(source) => (source, Remedy::Load(source.clone())),
    };
    let (words, remedy) = match error.advice() {
        Some(LoadAgain) => ("Try again", again),
        Some(AskForLess) => ("Choose a smaller model", Remedy::ShowModel),
        Some(ChooseAdapter | ChooseKernels) => ("Choose an adapter", Remedy::ShowModel),
        // The sheet says what to install where there is no adapter.
        Some(InstallDriver) => ("Show the adapters", Remedy::ShowModel),
        Some(NameTokenizer) => ("Choose a model with a tokenizer", Remedy::ShowModel),
        Some(DownloadAgain | HoldF32 | ReadLogits) => ("Choose another model", Remedy::ShowModel),
        _ if matches!(error, Error::Hub(_)) => ("Try again", again),
        _ if source.name == DEFAULT_MODEL => ("Choose an adapter", Remedy::ShowModel),
        _ if models.loaded.is_some() => ("Choose a model", Remedy::ShowModel),
        _ => {
            let default = Source { name: DEFAULT_MODEL.into(), ..Source::default() };
            ("Load tales instead", Remedy::Load(default))
        }
    };
    (words.into(), remedy)
}

#[cfg(test)]
mod tests {
    use bdlm::Fault;

    use super::*;

    fn advised(advice: Advice) -> Error {
        Error::request(Fault::from("a cause").advise(advice))
    }

    #[test]
    fn a_run_that_asks_for_too_much_leads_to_the_settings() {
        let models = Models::default();
        let too_large = Error::TooLarge { what: "a".into(), got: 2, unit: "bytes", limit: 1 };
        for error in [too_large, Error::OutOfMemory("a".into()), advised(Advice::AskForLess)] {
            let (words, remedy) = remedy_of_run(&error, &models);
            assert_eq!((words.as_str(), remedy), ("Change the settings", Remedy::ShowSettings));
        }
    }

    #[test]
    fn the_same_advice_is_another_button_when_a_model_is_loaded() {
        let what = Attempt::Load(Source { name: "owner/name".into(), ..Source::default() });
        let models = Models::default();
        for (advice, words) in [
            (Advice::AskForLess, "Choose a smaller model"),
            (Advice::ChooseAdapter, "Choose an adapter"),
            (Advice::InstallDriver, "Show the adapters"),
            (Advice::NameTokenizer, "Choose a model with a tokenizer"),
            (Advice::DownloadAgain, "Choose another model"),
        ] {
            let button = (words.to_string(), Remedy::ShowModel);
            assert_eq!(remedy_of_load(&advised(advice), &what, &models), button, "{advice:?}");
        }
        let Attempt::Load(source) = what.clone() else { unreachable!() };
        let again = ("Try again".to_string(), Remedy::Load(source));
        assert_eq!(remedy_of_load(&Error::hub("no answer"), &what, &models), again);
    }

    #[test]
    fn without_advice_a_broken_name_leads_to_the_embedded_model() {
        let what = Attempt::Load(Source { name: "nowhere".into(), ..Source::default() });
        let error = Error::unknown_model("there is no model `nowhere`");
        let (words, remedy) = remedy_of_load(&error, &what, &Models::default());
        let default = Source { name: DEFAULT_MODEL.into(), ..Source::default() };
        assert_eq!((words.as_str(), remedy), ("Load tales instead", Remedy::Load(default)));
    }
}
