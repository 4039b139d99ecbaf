//! What a strategy asks for: the order request, its side, type and time in force.
//!
//! Invariants: enum values are part of the ABI and never reused; a request names exactly one instrument.
//! Units: price 1e-6, quantity in lots.

use core::mem::{offset_of, size_of};

/// Side of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Side {
    /// Buys.
    Buy = 1,
    /// Sells.
    Sell = 2,
}

impl Side {
    /// The other side.
    pub fn opposite(self) -> Side {
        match self {
            Side::Buy => Side::Sell,
            Side::Sell => Side::Buy,
        }
    }

    /// 0 for buy, 1 for sell: the place in a two-element array.
    pub fn index(self) -> usize {
        match self {
            Side::Buy => 0,
            Side::Sell => 1,
        }
    }

    /// The side of an ABI value, if it is one.
    pub fn from_u8(value: u8) -> Option<Side> {
        match value {
            1 => Some(Side::Buy),
            2 => Some(Side::Sell),
            _ => None,
        }
    }

    /// Whether `price` is strictly better than `than` for this side: higher for a buyer, lower for a seller.
    pub fn is_better(self, price: i64, than: i64) -> bool {
        match self {
            Side::Buy => price > than,
            Side::Sell => price < than,
        }
    }
}

/// Type of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum OrderType {
    /// Trades at its price or better; may rest.
    Limit = 1,
    /// Trades at whatever the book shows; never rests, so its time in force is IOC or FOK.
    Market = 2,
    /// Market with protection: a limit order at the best price of its own side plus (buy) or minus (sell) the venue's
    /// protection points; refused where that side is empty.
    MarketProtected = 3,
}

impl OrderType {
    /// The type of an ABI value, if it is one.
    pub fn from_u8(value: u8) -> Option<OrderType> {
        match value {
            1 => Some(OrderType::Limit),
            2 => Some(OrderType::Market),
            3 => Some(OrderType::MarketProtected),
            _ => None,
        }
    }
}

/// Time in force of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Tif {
    /// Rest of day: expires when the session closes.
    Rod = 1,
    /// Good till cancelled.
    Gtc = 2,
    /// Immediate or cancel: what does not trade on arrival expires.
    Ioc = 3,
    /// Fill or kill: trades whole on arrival or expires whole.
    Fok = 4,
}

impl Tif {
    /// The time in force of an ABI value, if it is one.
    pub fn from_u8(value: u8) -> Option<Tif> {
        match value {
            1 => Some(Tif::Rod),
            2 => Some(Tif::Gtc),
            3 => Some(Tif::Ioc),
            4 => Some(Tif::Fok),
            _ => None,
        }
    }
}

/// A new order, as a strategy writes it. Raw values: the gateway checks each and refuses what it does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct OrderReq {
    /// Size of this struct as the caller knows it.
    pub struct_size: u32,
    /// Instrument.
    pub instrument: u32,
    /// Limit price, 1e-6; market orders, protected or not, leave it 0.
    pub price: i64,
    /// Quantity, lots; at least 1.
    pub qty: u32,
    /// A [`Side`].
    pub side: u8,
    /// An [`OrderType`].
    pub order_type: u8,
    /// A [`Tif`].
    pub tif: u8,
    /// 1 to be rejected rather than take liquidity on arrival, else 0.
    pub post_only: u8,
    /// The strategy's own mark; comes back in every report and fill of the order.
    pub tag: u64,
}

const _: () = assert!(size_of::<OrderReq>() == 32 && offset_of!(OrderReq, tag) == 24);
