//! `GET /currencies` (API reference 3.16): ISO 4217 codes, the same for every account.

use axum::Router;
use serde_json::{Value, json};

use super::call::{Answer, Call, get};
use super::paging::whole_list;
use super::{Fake, state::State};

struct Currency {
    code: &'static str,
    symbol: &'static str,
    name: &'static str,
    plural: &'static str,
}

pub(super) fn routes() -> Router<Fake> {
    Router::new().route("/currencies", get(list))
}

fn list(_: &mut State, call: &Call) -> Answer {
    Ok(whole_list(
        call,
        "currencies",
        CURRENCIES.iter().map(render),
    ))
}

fn render(currency: &Currency) -> Value {
    json!({
        "code": currency.code,
        "symbol": currency.symbol,
        "name": currency.name,
        "pluralName": currency.plural,
    })
}

/// Whether `code` is one of Capsule's currencies.
pub(super) fn is_known(code: &str) -> bool {
    CURRENCIES
        .binary_search_by(|currency| currency.code.cmp(code))
        .is_ok()
}

const fn c(
    code: &'static str,
    symbol: &'static str,
    name: &'static str,
    plural: &'static str,
) -> Currency {
    Currency {
        code,
        symbol,
        name,
        plural,
    }
}

#[rustfmt::skip]
static CURRENCIES: &[Currency] = &[
    c("AED", "AED", "United Arab Emirates Dirham", "UAE dirhams"),
    c("AFN", "AFN", "Afghan Afghani", "Afghan Afghanis"),
    c("ALL", "ALL", "Albanian Lek", "Albanian lekë"),
    c("AMD", "AMD", "Armenian Dram", "Armenian drams"),
    c("ANG", "ANG", "Netherlands Antillean Guilder", "Netherlands Antillean guilders"),
    c("AOA", "AOA", "Angolan Kwanza", "Angolan kwanzas"),
    c("ARS", "ARS", "Argentine Peso", "Argentine pesos"),
    c("AUD", "$", "Australian Dollar", "Australian dollars"),
    c("AWG", "AWG", "Aruban Florin", "Aruban florin"),
    c("AZN", "AZN", "Azerbaijani Manat", "Azerbaijani manats"),
    c("BAM", "BAM", "Bosnia-Herzegovina Convertible Mark", "Bosnia-Herzegovina convertible marks"),
    c("BBD", "BBD", "Barbadian Dollar", "Barbadian dollars"),
    c("BDT", "BDT", "Bangladeshi Taka", "Bangladeshi takas"),
    c("BGN", "BGN", "Bulgarian Lev", "Bulgarian leva"),
    c("BHD", "BHD", "Bahraini Dinar", "Bahraini dinars"),
    c("BIF", "BIF", "Burundian Franc", "Burundian francs"),
    c("BMD", "BMD", "Bermudan Dollar", "Bermudan dollars"),
    c("BND", "BND", "Brunei Dollar", "Brunei dollars"),
    c("BOB", "BOB", "Bolivian Boliviano", "Bolivian bolivianos"),
    c("BRL", "R$", "Brazilian Real", "Brazilian reals"),
    c("BSD", "BSD", "Bahamian Dollar", "Bahamian dollars"),
    c("BTN", "BTN", "Bhutanese Ngultrum", "Bhutanese ngultrums"),
    c("BWP", "BWP", "Botswanan Pula", "Botswanan pulas"),
    c("BYN", "BYN", "Belarusian Ruble", "Belarusian rubles"),
    c("BZD", "BZD", "Belize Dollar", "Belize dollars"),
    c("CAD", "$", "Canadian Dollar", "Canadian dollars"),
    c("CDF", "CDF", "Congolese Franc", "Congolese francs"),
    c("CHF", "CHF", "Swiss Franc", "Swiss francs"),
    c("CLP", "CLP", "Chilean Peso", "Chilean pesos"),
    c("CNY", "CN¥", "Chinese Yuan", "Chinese yuan"),
    c("COP", "COP", "Colombian Peso", "Colombian pesos"),
    c("CRC", "CRC", "Costa Rican Colón", "Costa Rican colóns"),
    c("CUP", "CUP", "Cuban Peso", "Cuban pesos"),
    c("CVE", "CVE", "Cape Verdean Escudo", "Cape Verdean escudos"),
    c("CZK", "Kč", "Czech Koruna", "Czech korunas"),
    c("DJF", "DJF", "Djiboutian Franc", "Djiboutian francs"),
    c("DKK", "kr", "Danish Krone", "Danish kroner"),
    c("DOP", "DOP", "Dominican Peso", "Dominican pesos"),
    c("DZD", "DZD", "Algerian Dinar", "Algerian dinars"),
    c("EGP", "EGP", "Egyptian Pound", "Egyptian pounds"),
    c("ERN", "ERN", "Eritrean Nakfa", "Eritrean nakfas"),
    c("ETB", "ETB", "Ethiopian Birr", "Ethiopian birrs"),
    c("EUR", "€", "Euro", "euros"),
    c("FJD", "FJD", "Fijian Dollar", "Fijian dollars"),
    c("FKP", "FKP", "Falkland Islands Pound", "Falkland Islands pounds"),
    c("GBP", "£", "British Pound", "British pounds"),
    c("GEL", "₾", "Georgian Lari", "Georgian laris"),
    c("GHS", "GH₵", "Ghanaian Cedi", "Ghanaian cedis"),
    c("GIP", "GIP", "Gibraltar Pound", "Gibraltar pounds"),
    c("GMD", "GMD", "Gambian Dalasi", "Gambian dalasis"),
    c("GNF", "GNF", "Guinean Franc", "Guinean francs"),
    c("GTQ", "GTQ", "Guatemalan Quetzal", "Guatemalan quetzals"),
    c("GYD", "GYD", "Guyanaese Dollar", "Guyanaese dollars"),
    c("HKD", "$", "Hong Kong Dollar", "Hong Kong dollars"),
    c("HNL", "HNL", "Honduran Lempira", "Honduran lempiras"),
    c("HTG", "HTG", "Haitian Gourde", "Haitian gourdes"),
    c("HUF", "Ft", "Hungarian Forint", "Hungarian forints"),
    c("IDR", "IDR", "Indonesian Rupiah", "Indonesian rupiahs"),
    c("ILS", "₪", "Israeli New Shekel", "Israeli new shekels"),
    c("INR", "₹", "Indian Rupee", "Indian rupees"),
    c("IQD", "IQD", "Iraqi Dinar", "Iraqi dinars"),
    c("IRR", "IRR", "Iranian Rial", "Iranian rials"),
    c("ISK", "kr", "Icelandic Króna", "Icelandic krónur"),
    c("JMD", "JMD", "Jamaican Dollar", "Jamaican dollars"),
    c("JOD", "JOD", "Jordanian Dinar", "Jordanian dinars"),
    c("JPY", "¥", "Japanese Yen", "Japanese yen"),
    c("KES", "KES", "Kenyan Shilling", "Kenyan shillings"),
    c("KGS", "KGS", "Kyrgystani Som", "Kyrgystani soms"),
    c("KHR", "KHR", "Cambodian Riel", "Cambodian riels"),
    c("KMF", "KMF", "Comorian Franc", "Comorian francs"),
    c("KPW", "KPW", "North Korean Won", "North Korean won"),
    c("KRW", "₩", "South Korean Won", "South Korean won"),
    c("KWD", "KWD", "Kuwaiti Dinar", "Kuwaiti dinars"),
    c("KYD", "KYD", "Cayman Islands Dollar", "Cayman Islands dollars"),
    c("KZT", "₸", "Kazakhstani Tenge", "Kazakhstani tenges"),
    c("LAK", "LAK", "Laotian Kip", "Laotian kips"),
    c("LBP", "LBP", "Lebanese Pound", "Lebanese pounds"),
    c("LKR", "LKR", "Sri Lankan Rupee", "Sri Lankan rupees"),
    c("LRD", "LRD", "Liberian Dollar", "Liberian dollars"),
    c("LSL", "LSL", "Lesotho Loti", "Lesotho lotis"),
    c("LYD", "LYD", "Libyan Dinar", "Libyan dinars"),
    c("MAD", "MAD", "Moroccan Dirham", "Moroccan dirhams"),
    c("MDL", "MDL", "Moldovan Leu", "Moldovan lei"),
    c("MGA", "MGA", "Malagasy Ariary", "Malagasy ariaries"),
    c("MKD", "MKD", "Macedonian Denar", "Macedonian denari"),
    c("MMK", "MMK", "Myanmar Kyat", "Myanmar kyats"),
    c("MNT", "MNT", "Mongolian Tugrik", "Mongolian tugriks"),
    c("MOP", "MOP", "Macanese Pataca", "Macanese patacas"),
    c("MRU", "MRU", "Mauritanian Ouguiya", "Mauritanian ouguiyas"),
    c("MUR", "MUR", "Mauritian Rupee", "Mauritian rupees"),
    c("MVR", "MVR", "Maldivian Rufiyaa", "Maldivian rufiyaas"),
    c("MWK", "MWK", "Malawian Kwacha", "Malawian kwachas"),
    c("MXN", "$", "Mexican Peso", "Mexican pesos"),
    c("MYR", "MYR", "Malaysian Ringgit", "Malaysian ringgits"),
    c("MZN", "MZN", "Mozambican Metical", "Mozambican meticals"),
    c("NAD", "NAD", "Namibian Dollar", "Namibian dollars"),
    c("NGN", "₦", "Nigerian Naira", "Nigerian nairas"),
    c("NIO", "NIO", "Nicaraguan Córdoba", "Nicaraguan córdobas"),
    c("NOK", "kr", "Norwegian Krone", "Norwegian kroner"),
    c("NPR", "NPR", "Nepalese Rupee", "Nepalese rupees"),
    c("NZD", "$", "New Zealand Dollar", "New Zealand dollars"),
    c("OMR", "OMR", "Omani Rial", "Omani rials"),
    c("PAB", "PAB", "Panamanian Balboa", "Panamanian balboas"),
    c("PEN", "PEN", "Peruvian Sol", "Peruvian soles"),
    c("PGK", "PGK", "Papua New Guinean Kina", "Papua New Guinean kina"),
    c("PHP", "₱", "Philippine Peso", "Philippine pesos"),
    c("PKR", "PKR", "Pakistani Rupee", "Pakistani rupees"),
    c("PLN", "zł", "Polish Zloty", "Polish zlotys"),
    c("PYG", "PYG", "Paraguayan Guarani", "Paraguayan guaranis"),
    c("QAR", "QAR", "Qatari Riyal", "Qatari riyals"),
    c("RON", "lei", "Romanian Leu", "Romanian lei"),
    c("RSD", "RSD", "Serbian Dinar", "Serbian dinars"),
    c("RUB", "₽", "Russian Ruble", "Russian rubles"),
    c("RWF", "RWF", "Rwandan Franc", "Rwandan francs"),
    c("SAR", "SAR", "Saudi Riyal", "Saudi riyals"),
    c("SBD", "SBD", "Solomon Islands Dollar", "Solomon Islands dollars"),
    c("SCR", "SCR", "Seychellois Rupee", "Seychellois rupees"),
    c("SDG", "SDG", "Sudanese Pound", "Sudanese pounds"),
    c("SEK", "kr", "Swedish Krona", "Swedish kronor"),
    c("SGD", "$", "Singapore Dollar", "Singapore dollars"),
    c("SHP", "SHP", "St. Helena Pound", "St. Helena pounds"),
    c("SOS", "SOS", "Somali Shilling", "Somali shillings"),
    c("SRD", "SRD", "Surinamese Dollar", "Surinamese dollars"),
    c("SSP", "SSP", "South Sudanese Pound", "South Sudanese pounds"),
    c("STN", "STN", "São Tomé & Príncipe Dobra", "São Tomé & Príncipe dobras"),
    c("SYP", "SYP", "Syrian Pound", "Syrian pounds"),
    c("SZL", "SZL", "Swazi Lilangeni", "Swazi emalangeni"),
    c("THB", "฿", "Thai Baht", "Thai baht"),
    c("TJS", "TJS", "Tajikistani Somoni", "Tajikistani somonis"),
    c("TMT", "TMT", "Turkmenistani Manat", "Turkmenistani manat"),
    c("TND", "TND", "Tunisian Dinar", "Tunisian dinars"),
    c("TOP", "TOP", "Tongan Paʻanga", "Tongan paʻanga"),
    c("TRY", "₺", "Turkish Lira", "Turkish Lira"),
    c("TTD", "TTD", "Trinidad & Tobago Dollar", "Trinidad & Tobago dollars"),
    c("TWD", "NT$", "New Taiwan Dollar", "New Taiwan dollars"),
    c("TZS", "TZS", "Tanzanian Shilling", "Tanzanian shillings"),
    c("UAH", "₴", "Ukrainian Hryvnia", "Ukrainian hryvnias"),
    c("UGX", "UGX", "Ugandan Shilling", "Ugandan shillings"),
    c("USD", "$", "US Dollar", "US dollars"),
    c("UYU", "UYU", "Uruguayan Peso", "Uruguayan pesos"),
    c("UZS", "UZS", "Uzbekistani Som", "Uzbekistani som"),
    c("VES", "VES", "Venezuelan Bolívar", "Venezuelan bolívars"),
    c("VND", "₫", "Vietnamese Dong", "Vietnamese dong"),
    c("VUV", "VUV", "Vanuatu Vatu", "Vanuatu vatus"),
    c("WST", "WST", "Samoan Tala", "Samoan tala"),
    c("XAF", "FCFA", "Central African CFA Franc", "Central African CFA francs"),
    c("XCD", "EC$", "East Caribbean Dollar", "East Caribbean dollars"),
    c("XOF", "F CFA", "West African CFA Franc", "West African CFA francs"),
    c("XPF", "CFPF", "CFP Franc", "CFP francs"),
    c("YER", "YER", "Yemeni Rial", "Yemeni rials"),
    c("ZAR", "R", "South African Rand", "South African rand"),
    c("ZMW", "ZMW", "Zambian Kwacha", "Zambian kwachas"),
];
