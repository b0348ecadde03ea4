//! A web visitor: a Markov chain over what people do in a shop (view, click, add to cart, purchase,
//! login), on pages whose names and users come from `fake` through the seed.

use std::sync::Arc;

use fake::Fake;
use fake::faker::internet::en::Username;
use fake::faker::lorem::en::Word;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::stream::stream;

/// The pages of a shop and the places that visitors come from.
#[derive(Debug)]
pub(crate) struct Shop {
    pages: Vec<Arc<str>>,
    referrers: Vec<Arc<str>>,
}

const PAGES: usize = 500;
const REFERRERS: usize = 20;

impl Shop {
    pub(crate) fn new(seed: u64, source: &str) -> Self {
        let mut rng = stream(seed, &format!("shop/{source}"), 0);
        let mut word = || Word().fake_with_rng::<String, _>(&mut rng);
        let pages = (0..PAGES)
            .map(|number| format!("https://shop.example.com/{}/{}-{number}", word(), word()).into())
            .collect();
        let referrers = (0..REFERRERS)
            .map(|number| format!("https://{}.example.org/?q={}&n={number}", word(), word()).into())
            .collect();
        Self { pages, referrers }
    }
}

#[derive(Debug)]
pub(crate) struct Visitor {
    pub(crate) device_id: Arc<str>,
    pub(crate) user_id: Arc<str>,
    rng: ChaCha8Rng,
    state: Activity,
    logged_in: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activity {
    View,
    Click,
    AddToCart,
    Purchase,
    Login,
}

impl Activity {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Click => "click",
            Self::AddToCart => "add_to_cart",
            Self::Purchase => "purchase",
            Self::Login => "login",
        }
    }
}

/// What a visitor did; the value is in hundredths.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Act<'a> {
    pub(crate) activity: Activity,
    pub(crate) page_url: &'a Arc<str>,
    pub(crate) referrer: Option<&'a Arc<str>>,
    pub(crate) value: Option<i64>,
    pub(crate) is_known_user: bool,
}

impl Visitor {
    pub(crate) fn new(seed: u64, source: &str, index: u32) -> Self {
        let mut rng = stream(seed, &format!("visitor/{source}"), u64::from(index));
        let name: String = Username().fake_with_rng(&mut rng);
        Self {
            device_id: format!("{source}-{index:05}").into(),
            user_id: format!("{name}-{index}").into(),
            rng,
            state: Activity::View,
            logged_in: false,
        }
    }

    pub(crate) fn act<'a>(&mut self, shop: &'a Shop) -> Act<'a> {
        let dice: f64 = self.rng.random();
        let activity = match self.state {
            Activity::View if dice < 0.55 => Activity::Click,
            Activity::View if dice < 0.60 => Activity::Login,
            Activity::View => Activity::View,
            Activity::Click if dice < 0.25 => Activity::AddToCart,
            Activity::Click => Activity::View,
            Activity::AddToCart if dice < 0.45 => Activity::Purchase,
            Activity::AddToCart => Activity::View,
            Activity::Purchase | Activity::Login => Activity::View,
        };
        self.state = activity;
        self.logged_in |= activity == Activity::Login;
        let has_value = matches!(activity, Activity::AddToCart | Activity::Purchase);
        let value = has_value.then(|| self.rng.random_range(199..50_000));
        let page = self.rng.random_range(0..shop.pages.len());
        let from_outside = activity == Activity::View && self.rng.random_bool(0.3);
        let referrer = from_outside.then(|| self.rng.random_range(0..shop.referrers.len()));
        Act {
            activity,
            page_url: &shop.pages[page],
            referrer: referrer.map(|index| &shop.referrers[index]),
            value,
            is_known_user: self.logged_in,
        }
    }
}
