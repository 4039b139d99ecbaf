/*
 * btcore.h: strategies over recorded five-level order books, and an engine to embed. Version 0.1.0.
 *
 * Generated from the sources by `BT_BLESS=1 cargo test -p btcore-ffi --test header`. Do not edit.
 *
 * Two ways in, one strategy. A plugin exports `bt_strategy_entry`, fills in a `bt_strategy_desc`, links nothing, and is
 * loaded by a host. An application links this library, creates a `bt_engine`, adds strategies by the same descriptor,
 * feeds it rows and runs it.
 *
 * Units, everywhere. Price: int64_t, 1e-6 of the quote unit. Quantity: uint32_t lots. Time: int64_t ns since the
 * epoch, UTC. Money: int64_t, 1e-6 of the account currency. No floating point decides anything.
 *
 * Statuses. Every call that can fail returns int32_t, 0 (BT_STATUS_OK) or another BT_STATUS_*. Outputs come last and
 * are written only on success (a needed length, only where said so, also with BT_STATUS_BUFFER_TOO_SMALL). A null or
 * misaligned pointer is BT_STATUS_INVALID_ARGUMENT unless null is said to mean something.
 *
 * Pointers. Whatever is passed in must be valid, for as many items as the count beside it says, until the call returns;
 * nothing passed in is kept. Whatever is handed out lives as long as its comment says.
 *
 * Threads. `const T *`: may run beside other calls as far as the comment says. `T *`: the caller has it to itself.
 * Callbacks run on the thread that called bt_engine_run, one at a time. There is no process state: engines know nothing
 * of one another.
 *
 * Exceptions. None crosses this border. A panic of the library is BT_STATUS_PANIC and poisons the engine. A C++ exception
 * is caught by btcore.hpp and becomes BT_STATUS_EXCEPTION; a bare throw or longjmp out of a callback ends the process,
 * with a line that names strategy and callback where the language allows it.
 *
 * Growth. Numbers are never reused, fields never inserted. Structs that begin with struct_size may grow at their end;
 * set it to sizeof what you compiled with. Reserved fields are zero and are checked.
 */
#ifndef BTCORE_H
#define BTCORE_H

#include <stddef.h>
#include <stdint.h>

/* Semantic version of this header; bt_version_string() says that of the library. */
#define BT_VERSION_MAJOR 0
#define BT_VERSION_MINOR 1
#define BT_VERSION_PATCH 0
#define BT_VERSION_STRING "0.1.0"

/* One price unit: prices are integers at 1e-6 of the quote unit. */
#define BT_PRICE_SCALE INT64_C(1000000)
/* One money unit: money is integers at 1e-6 of the account currency. */
#define BT_MONEY_SCALE INT64_C(1000000)
/* The price that is not one: an empty side of a book, the trade price of a book row. */
#define BT_UNDEF_PRICE INT64_MAX
/* The time that is not one: a receive clock that was not recorded. */
#define BT_UNDEF_TIME INT64_MIN

#ifndef BT_API
#define BT_API
#endif

#if defined(_WIN32)
#define BT_EXPORT __declspec(dllexport)
#elif defined(__GNUC__)
#define BT_EXPORT __attribute__((visibility("default")))
#else
#define BT_EXPORT
#endif

#if defined(__cplusplus)
#define BT_ALIGN(n) alignas(n)
#define BT_STATIC_ASSERT(condition, text) static_assert(condition, text)
#elif defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
#if defined(_MSC_VER)
#define BT_ALIGN(n) __declspec(align(n))
#else
#define BT_ALIGN(n) __attribute__((aligned(n)))
#endif
#define BT_STATIC_ASSERT(condition, text) _Static_assert(condition, text)
#else
#define BT_ALIGN(n) __attribute__((aligned(n)))
#define BT_STATIC_ASSERT_JOIN_(a, b) a##b
#define BT_STATIC_ASSERT_NAME_(line) BT_STATIC_ASSERT_JOIN_(bt_static_assert_, line)
#define BT_STATIC_ASSERT(condition, text) \
  extern int BT_STATIC_ASSERT_NAME_(__LINE__)[(condition) ? 1 : -1]
#endif

/* declarations */
/** Levels a side shows at most. */
#define BT_LEVELS_MAX 5
/** A displayed book. */
#define BT_KIND_BOOK 1
/** A trade print. */
#define BT_KIND_TRADE 2
/** A session opens; made by the feed from the session calendar, not by the source. */
#define BT_KIND_SESSION_OPEN 3
/** A session closes; made by the feed. */
#define BT_KIND_SESSION_CLOSE 4
/** Outside every session of the instrument (trial matching included): kept from fills. */
#define BT_FLAG_OUT_OF_SESSION (1 << 0)
/** The book in force is crossed or locked: kept from fills. */
#define BT_FLAG_CROSSED (1 << 1)
/** The book in force shows no level on either side: kept from fills. */
#define BT_FLAG_EMPTY_BOOK (1 << 2)
/** A price of the row is a sentinel ("market"), not a price: kept from fills. */
#define BT_FLAG_SENTINEL (1 << 3)
/** A displayed size was larger than uint32_t and is shown as UINT32_MAX. */
#define BT_FLAG_QTY_SATURATED (1 << 4)
/** No book was displayed before this row. */
#define BT_FLAG_NO_BOOK (1 << 5)
/** The receive clock is absent, or behind the exchange's. */
#define BT_FLAG_NO_RECV_CLOCK (1 << 6)
/** The exchange time lies off the source's declared grid. */
#define BT_FLAG_OFF_GRID (1 << 7)
/** The bid side shows no level. */
#define BT_FLAG_NO_BID (1 << 8)
/** The ask side shows no level. */
#define BT_FLAG_NO_ASK (1 << 9)
/** In a call auction: an indicative book, a trial match, or the mark of an auction's session. Kept from fills. */
#define AUCTION (1 << 10)
/** The print of a call auction: fills the orders that took part in it, and no others. */
#define AUCTION_PRINT (1 << 11)
/** A book that must not fill anything. */
#define BT_FLAG_BOOK_INVALID (((((BT_FLAG_OUT_OF_SESSION | BT_FLAG_CROSSED) | BT_FLAG_EMPTY_BOOK) | BT_FLAG_SENTINEL) | BT_FLAG_NO_BOOK) | AUCTION)
/** A trade that must not fill an order in continuous trading. */
#define BT_FLAG_TRADE_INVALID (((BT_FLAG_OUT_OF_SESSION | BT_FLAG_SENTINEL) | AUCTION) | AUCTION_PRINT)

/**
 * Version of this ABI. A strategy and a host understand one another only when it is equal on both sides;
 * what is appended within a version is told by `struct_size`.
 */
#define BT_ABI_VERSION 1

/** Log level: the run is wrong. */
#define BT_LOG_ERROR 0
/** Log level: the run may be wrong. */
#define BT_LOG_WARNING 1
/** Log level: worth a line. */
#define BT_LOG_INFO 2
/** Log level: for the strategy's author. */
#define BT_LOG_DEBUG 3
/** Capability: rows that show a book. */
#define BT_WANT_BOOK 2

/**
 * Capability: rows that show a book whose best bid or best ask price is not that of the instrument's book before. Contained
 * in BT_WANT_BOOK.
 */
#define BT_WANT_TOUCH 32

/** Capability: rows that print a trade. */
#define BT_WANT_TRADE 4
/** Capability: session openings and closings. */
#define BT_WANT_SESSION 24
/** Capability: order reports. */
#define BT_WANT_REPORT 256
/** Capability: fills. */
#define BT_WANT_FILL 512
/** Capability: timers. */
#define BT_WANT_TIMER 1024
/** Every row of every kind. */
#define BT_WANT_EVENTS 30
/** Every capability of this ABI version, whole or contained in another; wants `on_event`, `on_report`, `on_fill` and `on_timer`. */
#define BT_WANT_ALL 1822
/** Fee row: buys and sells. */
#define BT_FEE_SIDE_BOTH 0
/** Fee row: buys only. */
#define BT_FEE_SIDE_BUY 1
/** Fee row: sells only. */
#define BT_FEE_SIDE_SELL 2
/** Fee row: `amount` is money for one lot, 1e-6. */
#define BT_FEE_BASE_PER_LOT 1
/** Fee row: `amount` is a rate, 1e-9, of one lot's value, rounded for each lot. */
#define BT_FEE_BASE_VALUE_PER_LOT 2
/** Fee row: `amount` is a rate, 1e-9, of the whole fill's value, rounded once. */
#define BT_FEE_BASE_VALUE_PER_FILL 3
/** Fee row: rounded towards zero. */
#define BT_ROUNDING_DOWN 1
/** Fee row: rounded to the nearest, a half away from zero. */
#define BT_ROUNDING_HALF_UP 2
/** Fee row: rounded away from zero. */
#define BT_ROUNDING_UP 3
/** Parameter: `value_int` holds it. */
#define BT_PARAM_INT 1
/** Parameter: `value_float` holds it. */
#define BT_PARAM_FLOAT 2
/** Parameter: `value_text` holds it. */
#define BT_PARAM_TEXT 3
/** An order was still open when the run ended. */
#define BT_ORDER_END_OPEN 0
/** An order was filled whole. */
#define BT_ORDER_END_FILLED 1
/** An order was cancelled by the strategy. */
#define BT_ORDER_END_CANCELLED 2
/** An order lapsed: immediate rest, session end. */
#define BT_ORDER_END_EXPIRED 3
/** An order was refused on arrival. */
#define BT_ORDER_END_REJECTED 4
/** `bt_engine_run` is over: every lane has seen every row. */
#define BT_NEED_NOTHING 0
/** `bt_engine_run` needs rows of stream `index`, or its close. */
#define BT_NEED_ROWS 1

/**
 * `bt_engine_run` needs a drain of lane `index`: it has written much, or another lane is next, whose rows go to the same memory.
 * It says so again until that lane is drained.
 */
#define BT_NEED_DRAIN 2

/** Why. Zero means no reason was needed. */
enum bt_reason
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint16_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /** No reason was needed. */
  BT_REASON_NONE = 0,
  /** The instrument's session is closed. */
  BT_REASON_SESSION_CLOSED = 1,
  /** The price does not lie on the tick ladder. */
  BT_REASON_OFF_TICK = 2,
  /** The price lies outside the day's limits. */
  BT_REASON_OUTSIDE_LIMITS = 3,
  /** The quantity is larger than one order may have. */
  BT_REASON_SIZE_CAP = 4,
  /** This time in force does not go with this type (a market order cannot rest). */
  BT_REASON_TIF_NOT_ALLOWED = 5,
  /** A post-only order would have taken liquidity. */
  BT_REASON_POST_ONLY_WOULD_TAKE = 6,
  /** A fill-or-kill order could not be filled whole. */
  BT_REASON_FOK_NOT_FILLED = 7,
  /** An immediate order's rest found nothing more to trade with. */
  BT_REASON_IOC_REST = 8,
  /** The order is not live at the exchange: filled, cancelled, expired or rejected before. */
  BT_REASON_ORDER_GONE = 9,
  /** The amended total is not larger than what is already filled. */
  BT_REASON_QTY_BELOW_FILLED = 10,
  /** No valid book was seen yet, so there is nothing to take. */
  BT_REASON_NO_BOOK = 11,
  /** The session closed while the order rested. */
  BT_REASON_SESSION_END = 12,
  /** Post-only does not go with this type or time in force. */
  BT_REASON_POST_ONLY_NOT_ALLOWED = 13,
  /** More requests than the broker lets through. */
  BT_REASON_THROTTLED = 14,
  /** This type of order is not offered, or not now. */
  BT_REASON_TYPE_NOT_ALLOWED = 15,
  /** A market order with protection found nothing on its own side to be measured from. */
  BT_REASON_NO_PROTECTION_BASE = 17,
  /** It would have traded with another order of its own lane. */
  BT_REASON_OWN_CROSS = 18,
  /** Orders are neither amended nor cancelled in the last minutes before a match. */
  BT_REASON_FROZEN = 19,
  /** It would have traded too far from the middle of the book (a venue's dynamic price band). */
  BT_REASON_PRICE_BAND = 20,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum bt_reason bt_reason;
#else
typedef uint16_t bt_reason;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/** Side of an order. */
enum bt_side
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint8_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /** Buys. */
  BT_SIDE_BUY = 1,
  /** Sells. */
  BT_SIDE_SELL = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum bt_side bt_side;
#else
typedef uint8_t bt_side;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/** Type of an order. */
enum bt_order_type
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint8_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /** Trades at its price or better; may rest. */
  BT_ORDER_TYPE_LIMIT = 1,
  /** Trades at whatever the book shows; never rests, so its time in force is IOC or FOK. */
  BT_ORDER_TYPE_MARKET = 2,
  /**
   * Market with protection: a limit order at the best price of its own side plus (buy) or minus (sell) the venue's
   * protection points; refused where that side is empty.
   */
  BT_ORDER_TYPE_MARKET_PROTECTED = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum bt_order_type bt_order_type;
#else
typedef uint8_t bt_order_type;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/** Time in force of an order. */
enum bt_tif
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint8_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /** Rest of day: expires when the session closes. */
  BT_TIF_ROD = 1,
  /** Good till cancelled. */
  BT_TIF_GTC = 2,
  /** Immediate or cancel: what does not trade on arrival expires. */
  BT_TIF_IOC = 3,
  /** Fill or kill: trades whole on arrival or expires whole. */
  BT_TIF_FOK = 4,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum bt_tif bt_tif;
#else
typedef uint8_t bt_tif;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/** What happened to an order. */
enum bt_report_kind
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint8_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /** The order reached the exchange and was taken in. */
  BT_REPORT_KIND_ACCEPTED = 1,
  /** The order was refused; it never lived. */
  BT_REPORT_KIND_REJECTED = 2,
  /** An amend was carried out. */
  BT_REPORT_KIND_AMENDED = 3,
  /** An amend was refused; the order is as it was. */
  BT_REPORT_KIND_AMEND_REJECTED = 4,
  /** A cancel was carried out; the order is gone. */
  BT_REPORT_KIND_CANCELLED = 5,
  /** A cancel was refused; the order is as it was. */
  BT_REPORT_KIND_CANCEL_REJECTED = 6,
  /** The rest of the order lapsed (IOC, FOK, session close); the order is gone. */
  BT_REPORT_KIND_EXPIRED = 7,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum bt_report_kind bt_report_kind;
#else
typedef uint8_t bt_report_kind;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/** Why a fill is believed. */
enum bt_evidence
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint8_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /** A trade printed at a price worse than ours for the aggressor: it went through us. */
  BT_EVIDENCE_THROUGH = 1,
  /** A trade printed at our price after the queue ahead was gone. */
  BT_EVIDENCE_AT = 2,
  /** The opposite side displayed size at or through our price. Inferred, not printed. */
  BT_EVIDENCE_CROSSED = 3,
  /** The order took displayed size on arrival. */
  BT_EVIDENCE_TAKEN = 4,
  /** A call auction that the order took part in printed, at the order's price or a better one for it. */
  BT_EVIDENCE_AUCTION = 5,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum bt_evidence bt_evidence;
#else
typedef uint8_t bt_evidence;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/** Who took liquidity. Values are part of the ABI. */
enum bt_aggressor
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int8_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /** The seller hit the bid. */
  BT_AGGRESSOR_SELL = -1,
  /** The source does not say. */
  BT_AGGRESSOR_UNKNOWN = 0,
  /** The buyer lifted the offer. */
  BT_AGGRESSOR_BUY = 1,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum bt_aggressor bt_aggressor;
#else
typedef int8_t bt_aggressor;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/** Outcome of a call into the core. */
enum bt_status
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /** Done. */
  BT_STATUS_OK = 0,
  /** An argument is out of its domain: a null pointer, an unknown enum value, a quantity of zero. */
  BT_STATUS_INVALID_ARGUMENT = 1,
  /** The name, index or order is not known. */
  BT_STATUS_NOT_FOUND = 2,
  /** A fixed slab is full; nothing was changed. */
  BT_STATUS_FULL = 3,
  /** The call is not legal now: outside a callback, after the end, on a stopped engine. */
  BT_STATUS_INVALID_STATE = 4,
  /** A struct size or ABI version does not fit. */
  BT_STATUS_ABI_MISMATCH = 5,
  /** Arithmetic would leave its type; the message names the event. */
  BT_STATUS_OVERFLOW = 6,
  /** Market rows were refused: order, layout or content; the message names the row. */
  BT_STATUS_BAD_DATA = 7,
  /** A panic was caught at the border; the engine is poisoned. */
  BT_STATUS_PANIC = 8,
  /** A strategy asked to stop, or failed; the message carries its code. */
  BT_STATUS_STRATEGY_STOPPED = 9,
  /** Zero-latency messages went back and forth within one instant beyond the limit. */
  BT_STATUS_ROUNDS_EXCEEDED = 10,
  /** The caller's buffer is too small; the needed length was written. */
  BT_STATUS_BUFFER_TOO_SMALL = 11,
  /** The configuration has faults; the message lists them all. */
  BT_STATUS_INVALID_CONFIG = 12,
  /** A C++ strategy let an exception out of a callback; caught by `btcore.hpp`. */
  BT_STATUS_EXCEPTION = 13,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum bt_status bt_status;
#else
typedef int32_t bt_status;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * The strategy's handle on its lane: valid from `on_start` to `on_end`, usable only inside a callback.
 * Opaque; owned by the host.
 */
typedef struct bt_ctx bt_ctx;

/**
 * An engine: one replay over lanes. Opaque. Functions that take `bt_engine *` need it to themselves; those that
 * take `const bt_engine *` say how far they may run beside another. An engine may move between threads.
 */
typedef struct bt_engine bt_engine;

/** Where a strategy reads its state. Opaque. No function of this ABI version makes one. */
typedef struct bt_reader bt_reader;

/** Where a strategy writes its state. Opaque. No function of this ABI version makes one. */
typedef struct bt_writer bt_writer;

/** A new order, as a strategy writes it. Raw values: the gateway checks each and refuses what it does not know. */
typedef struct bt_order_req {
  /** Size of this struct as the caller knows it. */
  uint32_t struct_size;
  /** Instrument. */
  uint32_t instrument;
  /** Limit price, 1e-6; market orders, protected or not, leave it 0. */
  int64_t price;
  /** Quantity, lots; at least 1. */
  uint32_t qty;
  /** A BT_SIDE_*. */
  uint8_t side;
  /** A BT_ORDER_TYPE_*. */
  uint8_t order_type;
  /** A BT_TIF_*. */
  uint8_t tif;
  /** 1 to be rejected rather than take liquidity on arrival, else 0. */
  uint8_t post_only;
  /** The strategy's own mark; comes back in every report and fill of the order. */
  uint64_t tag;
} bt_order_req;

/** One market row, 64 bytes, one cache line. */
typedef struct BT_ALIGN(64) bt_event {
  /** Exchange time, ns, UTC. */
  int64_t ts_exch_ns;
  /** Recorded receive time, ns, UTC; BT_UNDEF_TIME where the source has none. */
  int64_t ts_recv_ns;
  /** Best bid price, 1e-6; BT_UNDEF_PRICE where the side is empty. */
  int64_t bid_price;
  /** Best ask price, 1e-6; BT_UNDEF_PRICE where the side is empty. */
  int64_t ask_price;
  /** Quantity at the best bid, lots; 0 where the side is empty. */
  uint32_t bid_qty;
  /** Quantity at the best ask, lots; 0 where the side is empty. */
  uint32_t ask_qty;
  /** Trade price, 1e-6; BT_UNDEF_PRICE unless the row is a trade. */
  int64_t trade_price;
  /** Trade quantity, lots; 0 unless the row is a trade. */
  uint32_t trade_qty;
  /** Index of the depth row in force. */
  uint32_t depth_ix;
  /** Instrument, as numbered by the run: the rank of the symbol's bytes. */
  uint32_t instrument;
  /** What the row says, a BT_KIND_*. */
  uint8_t kind;
  /** Aggressor of a trade: 1 buy, -1 sell, 0 unknown or not a trade. */
  int8_t aggressor;
  /** What is special about the row, BT_FLAG_* bits. */
  uint16_t flags;
} bt_event;

/** Levels two to five of both sides, 128 bytes. Only rows that carry a book own one. */
typedef struct BT_ALIGN(64) bt_depth {
  /** Bid prices of levels 2 to 5, 1e-6; BT_UNDEF_PRICE beyond the last. */
  int64_t bid_price[4];
  /** Ask prices of levels 2 to 5, 1e-6; BT_UNDEF_PRICE beyond the last. */
  int64_t ask_price[4];
  /** Bid quantities of levels 2 to 5, lots. */
  uint32_t bid_qty[4];
  /** Ask quantities of levels 2 to 5, lots. */
  uint32_t ask_qty[4];
  /** Levels the bid side shows, the touch included: 0 to 5. */
  uint8_t bid_levels;
  /** Levels the ask side shows, the touch included: 0 to 5. */
  uint8_t ask_levels;
  /** Zero. Kept for order counts per level. */
  uint8_t reserved[30];
} bt_depth;

/** A position of one strategy in one instrument, as that strategy knows it now. Money in 1e-6. */
typedef struct bt_position {
  /** Open quantity, lots; negative when short. */
  int64_t qty;
  /** What the open quantity cost, money 1e-6; negative when short. */
  int64_t open_cost;
  /** Average price of the open quantity, 1e-6, rounded to nearest; 0 when flat. */
  int64_t price_avg;
  /** Profit realised by closing, fees not included, money 1e-6. */
  int64_t pnl_realised;
  /** Profit of the open quantity at the mark, money 1e-6. */
  int64_t pnl_unrealised;
  /** Fees and taxes paid, money 1e-6. */
  int64_t fees;
} bt_position;

/** What a strategy can know about an instrument. Prices 1e-6. */
typedef struct bt_instrument_info {
  /** Value of one lot for one quote unit, 1e-6 (200 is 200000000). */
  int64_t multiplier_e6;
  /** Lowest legal order price, 1e-6; `INT64_MIN` where there is none. */
  int64_t limit_down;
  /** Highest legal order price, 1e-6; `INT64_MAX` where there is none. */
  int64_t limit_up;
  /** Largest quantity of one order, lots; `UINT32_MAX` where there is no cap. */
  uint32_t order_qty_max;
  /** Levels a side of this source shows at most, 1 to 5. */
  uint8_t depth_max;
  /** 1 where prices of zero and below are prices, else 0. */
  uint8_t negative_prices;
  /** Zero. */
  uint8_t reserved[2];
} bt_instrument_info;

/**
 * The calls that a strategy may make. Append only: check `struct_size` before using an entry that is
 * younger than your header's ABI version. The table lives as long as the process and is the same for all.
 *
 * Every call wants the `bt_ctx` of the running callback, and returns BT_STATUS_INVALID_ARGUMENT when it or
 * another pointer is null, BT_STATUS_INVALID_STATE when no callback of that strategy is running, and
 * BT_STATUS_PANIC when the core itself failed. Outputs come last and are written only on success. Requests
 * are queued with their latency: no call here calls a callback. All calls are O(1) unless said otherwise,
 * allocate nothing, and depend on nothing but the run's rows and configuration.
 */
typedef struct bt_host_api {
  /** Size of this struct in the host, bytes. */
  uint32_t struct_size;
  /** ABI version of the host. */
  uint32_t abi_version;
  /**
   * Sends a new order; `req->struct_size` is `sizeof(bt_order_req)`. Writes its id, counted from 1 in each
   * lane. BT_STATUS_OK says that it was sent; the exchange's answer comes by `on_report`, a refusal included.
   * BT_STATUS_INVALID_ARGUMENT: a value that no exchange could read. BT_STATUS_ABI_MISMATCH: wrong
   * struct_size. BT_STATUS_FULL: too many orders live or messages in flight. BT_STATUS_INVALID_STATE: in
   * `on_end`. What is sent once the last row was delivered never arrives.
   */
  int32_t (*order_submit)(struct bt_ctx *ctx, const struct bt_order_req *req, uint64_t *order_id_out);
  /**
   * Asks for another price (1e-6) and another total quantity (lots, filled ones included) of a live order.
   * BT_STATUS_NOT_FOUND: this strategy has no such live order. Else as `order_submit`.
   */
  int32_t (*order_amend)(struct bt_ctx *ctx, uint64_t order_id, int64_t price, uint32_t qty);
  /** Asks to cancel a live order. Statuses as `order_amend`. */
  int32_t (*order_cancel)(struct bt_ctx *ctx, uint64_t order_id);
  /**
   * Asks for `on_timer(timer_id)` at `at_ns` (ns since the epoch, UTC), now at the earliest.
   * BT_STATUS_INVALID_ARGUMENT: in the past. BT_STATUS_FULL: every timer of the lane is set.
   */
  int32_t (*timer_set)(struct bt_ctx *ctx, int64_t at_ns, uint64_t timer_id);
  /** The lane's time, ns since the epoch, UTC; BT_UNDEF_TIME outside a callback. */
  int64_t (*now_ns)(const struct bt_ctx *ctx);
  /** Number of this strategy within its lane; `UINT32_MAX` outside a callback. */
  uint32_t (*strategy)(const struct bt_ctx *ctx);
  /**
   * The last row delivered of an instrument and the depth row in force: pointers into the engine's rows,
   * valid until the callback returns. BT_STATUS_NOT_FOUND: no row was delivered yet, or no such instrument.
   */
  int32_t (*book)(const struct bt_ctx *ctx,
                  uint32_t instrument,
                  const struct bt_event **event_out,
                  const struct bt_depth **depth_out);
  /**
   * The position of this strategy in an instrument, marked at the mid of the last valid two-sided book.
   * BT_STATUS_NOT_FOUND: no such instrument. BT_STATUS_OVERFLOW: money beyond 64 bits.
   */
  int32_t (*position)(const struct bt_ctx *ctx,
                      uint32_t instrument,
                      struct bt_position *position_out);
  /** Instruments of the run, numbered from 0 by the rank of their symbol's bytes; 0 outside a callback. */
  uint32_t (*instrument_count)(const struct bt_ctx *ctx);
  /** Number of the instrument with this symbol (NUL-terminated). O(log n). BT_STATUS_NOT_FOUND: none. */
  int32_t (*instrument_find)(const struct bt_ctx *ctx, const char *symbol, uint32_t *instrument_out);
  /**
   * Copies what is known of an instrument; `info_size` is `sizeof(bt_instrument_info)`.
   * BT_STATUS_NOT_FOUND: no such instrument. BT_STATUS_ABI_MISMATCH: info_size is too small.
   */
  int32_t (*instrument_info)(const struct bt_ctx *ctx,
                             uint32_t instrument,
                             struct bt_instrument_info *info_out,
                             uint32_t info_size);
  /**
   * Copies an instrument's symbol and a NUL into `buf` of `cap` bytes. `len_out` (may be null) receives the
   * length without the NUL, also with BT_STATUS_BUFFER_TOO_SMALL. BT_STATUS_NOT_FOUND: no such instrument.
   */
  int32_t (*instrument_symbol)(const struct bt_ctx *ctx,
                               uint32_t instrument,
                               char *buf,
                               uint64_t cap,
                               uint64_t *len_out);
  /**
   * Tick size in force at a price, both 1e-6. O(steps). BT_STATUS_NOT_FOUND: no such instrument, or the
   * price lies below its ladder.
   */
  int32_t (*instrument_tick)(const struct bt_ctx *ctx,
                             uint32_t instrument,
                             int64_t price,
                             int64_t *tick_out);
  /**
   * A whole-number parameter of this strategy. O(parameters). BT_STATUS_NOT_FOUND: not given, and the output
   * keeps the default that you put there. BT_STATUS_INVALID_ARGUMENT: it is not a whole number.
   */
  int32_t (*param_int)(const struct bt_ctx *ctx, const char *name, int64_t *value_out);
  /** A number parameter; a whole number is one too. Statuses as `param_int`. */
  int32_t (*param_float)(const struct bt_ctx *ctx, const char *name, double *value_out);
  /**
   * A text parameter, copied as by `instrument_symbol`. Statuses as `param_int`, and
   * BT_STATUS_BUFFER_TOO_SMALL.
   */
  int32_t (*param_text)(const struct bt_ctx *ctx,
                        const char *name,
                        char *buf,
                        uint64_t cap,
                        uint64_t *len_out);
  /**
   * Writes a line to the run's log; level BT_LOG_ERROR to BT_LOG_DEBUG; text is NUL-terminated UTF-8,
   * copied. BT_STATUS_FULL: this instant has logged too much, and the line is lost.
   */
  int32_t (*log)(struct bt_ctx *ctx, uint8_t level, const char *text);
} bt_host_api;

/** An engine. Zero means the default in every field but the first three. */
typedef struct bt_engine_config {
  /** `sizeof(bt_engine_config)`. */
  uint32_t struct_size;
  /** `BT_ABI_VERSION`. */
  uint32_t abi_version;
  /** Streams of rows that will be fed, at least 1. */
  uint32_t streams;
  /** 1 to put books before trades of the same time; 0 puts trades first. */
  uint8_t books_first;
  /** 1 to keep rows that equal another in every column; 0 drops and counts them. */
  uint8_t keep_duplicates;
  /** Zero. */
  uint8_t reserved[2];
  /** How far back in time a row may lie behind the newest one of its stream, ns. */
  int64_t reorder_ns;
  /** Rows that a stream may hold back while their order is open; 0 is 4096. */
  uint64_t reorder_rows_max;
  /**
   * Rows of the replay window, at least twice what arrives within the longest feed latency and one second more;
   * 0 is 65536.
   */
  uint64_t window_rows;
} bt_engine_config;

/** From `price_from` upwards the tick is `tick`, both 1e-6. Closed: never grows. */
typedef struct bt_tick_step {
  /** Lowest price of the step, inclusive, 1e-6. */
  int64_t price_from;
  /** Tick size of the step, 1e-6; above zero. */
  int64_t tick;
} bt_tick_step;

/** One continuous-trading session, from `open_ns` up to but not including `close_ns`. Closed: never grows. */
typedef struct bt_session {
  /** First instant of the session, ns since the epoch, UTC. */
  int64_t open_ns;
  /** First instant after the session, ns. */
  int64_t close_ns;
  /** Trading day, as the decimal number yyyymmdd. */
  uint32_t trading_day;
  /** Zero. */
  uint32_t reserved;
} bt_session;

/** One fee or tax row. Closed: never grows. */
typedef struct bt_fee {
  /** Name for tables, NUL-terminated; copied. */
  const char *name;
  /** Money 1e-6 or a rate of 1e-9, as `base` says. */
  int64_t amount;
  /** Unit it is rounded to, money 1e-6; 1 is the finest. */
  int64_t unit;
  /** A BT_FEE_SIDE_*. */
  uint8_t side;
  /** A BT_FEE_BASE_*. */
  uint8_t base;
  /** A BT_ROUNDING_*. */
  uint8_t rounding;
  /** Zero. */
  uint8_t reserved[5];
} bt_fee;

/** An instrument. Arrays and texts are copied during the call. */
typedef struct bt_instrument_config {
  /** `sizeof(bt_instrument_config)`. */
  uint32_t struct_size;
  /** Levels a side of this source shows at most, 1 to 5: beyond a full side the book is unknown. */
  uint8_t depth_max;
  /** 1 where prices of zero and below are prices (calendar spreads), else 0. */
  uint8_t negative_prices;
  /** Zero. */
  uint8_t reserved[2];
  /** Symbol, NUL-terminated; its bytes decide the instrument's number. */
  const char *symbol;
  /** Exchange, for tables, NUL-terminated. */
  const char *exchange;
  /** Tick ladder, rising; the first step starts at the lowest legal price. */
  const struct bt_tick_step *ticks;
  /** Sessions, sorted and disjoint; none means always open. */
  const struct bt_session *sessions;
  /** Fees and taxes. */
  const struct bt_fee *fees;
  /** Steps of `ticks`, at least 1. */
  uint32_t ticks_count;
  /** Sessions of `sessions`. */
  uint32_t sessions_count;
  /** Rows of `fees`. */
  uint32_t fees_count;
  /** Largest quantity of one order, lots; 0 or UINT32_MAX for no cap. */
  uint32_t order_qty_max;
  /** Value of one lot for one quote unit, 1e-6 (200 is 200000000). */
  int64_t multiplier_e6;
  /** Lowest legal order price, 1e-6; INT64_MIN where there is none. */
  int64_t limit_down;
  /** Highest legal order price, 1e-6; INT64_MAX where there is none. */
  int64_t limit_up;
  /** Points of protection of BT_ORDER_MARKET_PROTECTED, 1e-6; 0 where the venue has no such order. */
  int64_t protection;
} bt_instrument_config;

/** A lane: one simulated trader. Latencies are ns, 0 to one hour; capacities of 0 are the defaults. */
typedef struct bt_lane_config {
  /** `sizeof(bt_lane_config)`. */
  uint32_t struct_size;
  /** Zero. */
  uint32_t reserved;
  /** Name for messages, NUL-terminated; copied. */
  const char *name;
  /** Seed of the lane's own draws. */
  uint64_t seed;
  /** Capital at the start, money 1e-6. */
  int64_t capital;
  /** Equity is sampled on this grid, ns; above zero. */
  int64_t timeseries_ns;
  /** Exchange to strategy, market rows. */
  int64_t feed_ns;
  /** Strategy to exchange, new orders. */
  int64_t submit_ns;
  /** Strategy to exchange, amends. */
  int64_t amend_ns;
  /** Strategy to exchange, cancels. */
  int64_t cancel_ns;
  /** Exchange to strategy, reports and fills. */
  int64_t response_ns;
  /** Orders alive at once, requests in flight included; 0 is 1024. */
  uint32_t orders_live_max;
  /** Requests, and separately reports, in flight; 0 is 4096. */
  uint32_t in_flight_max;
  /** Timers set at once; 0 is 256. */
  uint32_t timers_max;
  /** Output rows of each kind between two drains; 0 is 16384. */
  uint32_t records_max;
} bt_lane_config;

/** One answer to a strategy about one of its orders. */
typedef struct bt_report {
  /** When the exchange decided, ns. */
  int64_t ts_exch_ns;
  /** When the strategy is told, ns. */
  int64_t ts_local_ns;
  /** Order. */
  uint64_t order_id;
  /** The strategy's own mark on the order. */
  uint64_t tag;
  /** Price in force after this report, 1e-6. */
  int64_t price;
  /** Total quantity in force after this report, lots. */
  uint32_t qty;
  /** Quantity still open after this report, lots; 0 when the order is gone. */
  uint32_t leaves_qty;
  /** Instrument. */
  uint32_t instrument;
  /** Strategy within the lane. */
  uint32_t strategy;
  /** A BT_REPORT_KIND_*. */
  uint8_t kind;
  /** A BT_SIDE_*. */
  uint8_t side;
  /** A BT_REASON_*. */
  uint16_t reason;
  /** Zero. */
  uint32_t reserved;
} bt_report;

/** One execution of one order. */
typedef struct bt_fill {
  /** When it traded, ns. */
  int64_t ts_exch_ns;
  /** When the strategy is told, ns. */
  int64_t ts_local_ns;
  /** Order. */
  uint64_t order_id;
  /** The strategy's own mark on the order. */
  uint64_t tag;
  /** Price, 1e-6. */
  int64_t price;
  /** Fees and taxes, money 1e-6. */
  int64_t fee;
  /** Quantity, lots. */
  uint32_t qty;
  /** Quantity still open after this fill, lots; 0 when the order is gone. */
  uint32_t leaves_qty;
  /** Instrument. */
  uint32_t instrument;
  /** Strategy within the lane. */
  uint32_t strategy;
  /** A BT_SIDE_*. */
  uint8_t side;
  /** A BT_EVIDENCE_*. */
  uint8_t evidence;
  /** 1 where the fill rests on displayed size rather than on a print. */
  uint8_t inferred;
  /** Zero. */
  uint8_t reserved[5];
} bt_fill;

/**
 * A strategy as a table of callbacks. The host hands it over zeroed; fill in what you have.
 *
 * Callbacks run on the thread that runs the engine, one at a time, never nested, and never after `destroy`.
 * Different instances may run on different threads. Pointers handed to a callback are valid until it
 * returns. A callback returns 0, or any other number to stop the run with it. It must not throw and must not
 * longjmp: an exception that leaves a callback ends the process, with a line that names strategy and
 * callback.
 */
typedef struct bt_strategy_desc {
  /** `sizeof(bt_strategy_desc)` as the strategy was compiled. */
  uint32_t struct_size;
  /** `BT_ABI_VERSION` as the strategy was compiled. */
  uint32_t abi_version;
  /**
   * BT_WANT_* of what is to be delivered; each one wants its callback. Ask for no more than you read: rows that are not
   * wanted cost nothing, and `book` knows them all the same.
   */
  uint64_t want;
  /** First argument of every callback when `create` is null; ignored otherwise. */
  void *user;
  /**
   * Makes one instance: writes the first argument of its callbacks to `*user_out`. `params_json` is a JSON
   * object of the parameters, valid during the call; the typed `param_*` calls work from `on_start` on.
   * On a return other than 0 nothing was made: free what you allocated, `destroy` is not called. May be null.
   */
  int32_t (*create)(const struct bt_host_api *host, const char *params_json, void **user_out);
  /** Before the first row: read parameters, find instruments. May be null. */
  int32_t (*on_start)(void *user, struct bt_ctx *ctx);
  /** A market row reached the strategy; `depth` is the depth row in force. Read levels by `bt_level`. */
  int32_t (*on_event)(void *user,
                      struct bt_ctx *ctx,
                      const struct bt_event *event,
                      const struct bt_depth *depth);
  /** The exchange answered about an order of this strategy. */
  int32_t (*on_report)(void *user, struct bt_ctx *ctx, const struct bt_report *report);
  /** An order of this strategy traded. */
  int32_t (*on_fill)(void *user, struct bt_ctx *ctx, const struct bt_fill *fill);
  /** A timer set by this strategy is due. */
  int32_t (*on_timer)(void *user, struct bt_ctx *ctx, uint64_t timer_id);
  /** The run is over; requests are refused here. Not called when a run fails. May be null. */
  int32_t (*on_end)(void *user, struct bt_ctx *ctx);
  /**
   * Writes the state for a checkpoint; null says that runs with it cannot be resumed. This ABI version takes
   * no checkpoints and never calls it.
   */
  int32_t (*save)(void *user, struct bt_writer *writer);
  /** Reads the state of a checkpoint; null exactly when `save` is. Not called by this ABI version. */
  int32_t (*load)(void *user, struct bt_reader *reader);
  /**
   * Frees the instance; called exactly once for each successful `create`, whatever happens after it, and once
   * for `user` when `create` is null, accepted or not (a descriptor of another ABI version is not read, though,
   * and nothing of it is called). May be null.
   */
  void (*destroy)(void *user);
  /** Zero. */
  uint64_t reserved[2];
} bt_strategy_desc;

/** A parameter of a strategy. Closed: never grows. */
typedef struct bt_param {
  /** Name, NUL-terminated; copied. */
  const char *name;
  /** The text of a BT_PARAM_TEXT, NUL-terminated; copied. Else ignored. */
  const char *value_text;
  /** The value of a BT_PARAM_INT, else ignored. */
  int64_t value_int;
  /** The value of a BT_PARAM_FLOAT, else ignored. */
  double value_float;
  /** A BT_PARAM_*. */
  uint32_t value_type;
  /** Zero. */
  uint32_t reserved;
} bt_param;

/** How much of a feed was taken. */
typedef struct bt_taken {
  /** Events taken; feed the rest after the next run. */
  uint64_t events;
  /** Depth rows that go with them. */
  uint64_t depths;
} bt_taken;

/** What a run needs before it can go on. */
typedef struct bt_need {
  /** A BT_NEED_*. */
  uint32_t kind;
  /** Stream or lane; 0 for BT_NEED_NOTHING. */
  uint32_t index;
} bt_need;

/** One order, handed over when its end is known to the strategy. */
typedef struct bt_order_row {
  /** Order, counted from 1 per lane. */
  uint64_t order_id;
  /** The strategy's own mark. */
  uint64_t tag;
  /** When the strategy sent it, ns. */
  int64_t ts_submit_ns;
  /** When the exchange took it in or refused it, ns; BT_UNDEF_TIME if it never arrived. */
  int64_t ts_accept_ns;
  /** When it ended at the exchange, ns; BT_UNDEF_TIME while open. */
  int64_t ts_end_ns;
  /** Last price in force, 1e-6; 0 for a market order. */
  int64_t price;
  /** Last total quantity in force, lots. */
  uint32_t qty;
  /** Filled quantity, lots. */
  uint32_t filled_qty;
  /** Instrument. */
  uint32_t instrument;
  /** Strategy within the lane. */
  uint32_t strategy;
  /** A BT_SIDE_*. */
  uint8_t side;
  /** A BT_ORDER_TYPE_*. */
  uint8_t order_type;
  /** A BT_TIF_*. */
  uint8_t tif;
  /** 1 if post-only, else 0. */
  uint8_t post_only;
  /** A BT_ORDER_END_*. */
  uint8_t end;
  /** Zero. */
  uint8_t reserved;
  /** A BT_REASON_*. */
  uint16_t reason;
} bt_order_row;

/** One fill with what the account made of it. */
typedef struct bt_fill_row {
  /** The fill as the strategy was told. */
  struct bt_fill fill;
  /** Position of (strategy, instrument) after the fill, lots. */
  int64_t position_qty;
  /** Profit realised by this fill, before fees, money 1e-6. */
  int64_t pnl_realised;
  /**
   * Queue still ahead when it traded, lots, by the pessimistic, the model and the optimistic estimate; UINT32_MAX
   * where it is not known. 0 for takers.
   */
  uint32_t ahead_qty[3];
  /** Zero. */
  uint32_t reserved;
} bt_fill_row;

/** One sample of a lane's equity, money 1e-6, all strategies and instruments together. */
typedef struct bt_series_row {
  /** Grid point, ns. */
  int64_t ts_ns;
  /** Capital + realised + unrealised - fees. */
  int64_t equity;
  /** Realised, before fees. */
  int64_t pnl_realised;
  /** Unrealised at the mark. */
  int64_t pnl_unrealised;
  /** Fees paid so far. */
  int64_t fees;
  /** Sum of absolute position values. */
  int64_t exposure_gross;
  /** Sum of signed position values. */
  int64_t exposure_net;
  /** Fall of equity from its highest sample, as a positive amount. */
  int64_t drawdown;
} bt_series_row;

/** What the three estimates made of one order that rested. */
typedef struct bt_queue_row {
  /** Order. */
  uint64_t order_id;
  /** When it joined the queue in which it ended, ns. */
  int64_t ts_join_ns;
  /** When it left the exchange in every world, ns. */
  int64_t ts_end_ns;
  /** First fill while it rested, ns; BT_UNDEF_TIME for none: pessimistic, model, optimistic. */
  int64_t ts_first_ns[3];
  /** Filled quantity, lots. */
  uint32_t filled_qty[3];
  /** Lots ahead at the end; UINT32_MAX where it is not known. */
  uint32_t ahead_qty[3];
} bt_queue_row;

/** Profit of one trading day of a lane, money 1e-6, fees taken off. */
typedef struct bt_day_row {
  /** Change of equity over the day. */
  int64_t pnl;
  /** Fees of the day. */
  int64_t fees;
  /** Fills of the day. */
  uint64_t fills;
  /** Trading day, as the decimal number yyyymmdd. */
  uint32_t trading_day;
  /** Zero. */
  uint32_t reserved;
} bt_day_row;

/**
 * Where a lane's rows go when they are drained. Null callbacks discard. Rows are valid during the call;
 * a callback must not throw, nor call the engine that it is drained from.
 */
typedef struct bt_sink {
  /** `sizeof(bt_sink)`. */
  uint32_t struct_size;
  /** Zero. */
  uint32_t reserved;
  /** First argument of every callback. */
  void *user;
  /** An order ended, or was open at the end of the run. */
  void (*on_order)(void *user, const struct bt_order_row *row);
  /** A fill was delivered. */
  void (*on_fill)(void *user, const struct bt_fill_row *row);
  /** An equity sample was taken. */
  void (*on_series)(void *user, const struct bt_series_row *row);
  /** An order that rested left the exchange in every estimate. */
  void (*on_queue)(void *user, const struct bt_queue_row *row);
  /** A trading day ended. */
  void (*on_day)(void *user, const struct bt_day_row *row);
  /** A strategy logged a line at lane time `ts_ns`: `len` bytes of UTF-8, not NUL-terminated. */
  void (*on_log)(void *user,
                 int64_t ts_ns,
                 uint32_t strategy,
                 uint8_t level,
                 const char *text,
                 uint64_t len);
} bt_sink;

/** What a lane came to; final once `bt_engine_run` said BT_NEED_NOTHING. */
typedef struct bt_lane_summary {
  /** BLAKE3 over the order records of the lane: equal runs have equal digests. */
  uint8_t order_digest[32];
  /** Rows delivered to the lane. */
  uint64_t rows_delivered;
  /** Orders sent. */
  uint64_t orders;
  /** Orders accepted. */
  uint64_t orders_accepted;
  /** Orders rejected. */
  uint64_t orders_rejected;
  /** Orders with at least one fill. */
  uint64_t orders_filled;
  /** Cancels sent. */
  uint64_t cancels;
  /** Amends sent. */
  uint64_t amends;
  /** Fills. */
  uint64_t fills;
  /** Fills inferred from displayed size. */
  uint64_t fills_inferred;
  /** Quantity accepted, lots. */
  uint64_t qty_accepted;
  /** Quantity filled, lots. */
  uint64_t qty_filled;
  /** Value traded, both sides, money 1e-6. */
  int64_t turnover;
  /** Realised profit before fees, money 1e-6. */
  int64_t pnl_realised;
  /** Unrealised profit at the last mark, money 1e-6. */
  int64_t pnl_unrealised;
  /** Fees and taxes, money 1e-6. */
  int64_t fees;
  /** Realised + unrealised - fees, money 1e-6. */
  int64_t pnl;
  /** Largest fall of sampled equity, money 1e-6. */
  int64_t drawdown_max;
  /** Round trips (flat to flat, or through a flip) that made money before fees. */
  uint64_t trips_won;
  /** Round trips that lost money before fees. */
  uint64_t trips_lost;
  /** Round trips of zero profit. */
  uint64_t trips_even;
  /** Absolute open quantity at the end, lots. */
  uint64_t open_qty;
  /** Time of the first row delivered, ns. */
  int64_t ts_first_ns;
  /** Time of the last row delivered, ns. */
  int64_t ts_last_ns;
} bt_lane_summary;

/**
 * What happened to the rows of one instrument. Every row is in exactly one of `rows_used`, the `excluded_*` and
 * `dropped_duplicates`; an excluded row is still delivered, with its flag.
 */
typedef struct bt_feed_stats {
  /** Rows in. */
  uint64_t rows_in;
  /** Books among them. */
  uint64_t books_in;
  /** Trades among them. */
  uint64_t trades_in;
  /** Rows that may fill. */
  uint64_t rows_used;
  /** Outside every session. */
  uint64_t excluded_out_of_session;
  /** Crossed or locked book. */
  uint64_t excluded_crossed;
  /** Book without any level. */
  uint64_t excluded_empty_book;
  /** Sentinel price. */
  uint64_t excluded_sentinel;
  /** Dropped as an exact duplicate. */
  uint64_t dropped_duplicates;
  /** Trades of unknown aggressor (used; side inferred). */
  uint64_t unknown_aggressor;
  /** Rows whose order in time was mended (used). */
  uint64_t reordered;
  /** Rows off the declared time grid (used). */
  uint64_t off_grid;
  /** Rows with a saturated size (used). */
  uint64_t qty_saturated;
  /** Rows without a usable receive clock (used). */
  uint64_t no_recv_clock;
  /** One-sided books (used). */
  uint64_t one_sided;
} bt_feed_stats;

/** How far a run has come. */
typedef struct bt_progress {
  /** Rows merged so far, session marks included. */
  uint64_t rows;
  /** Exchange time of the last one, ns; 0 before the first. */
  int64_t ts_ns;
} bt_progress;

/** One price level of one side. */
typedef struct bt_price_level {
  /** Price, 1e-6. */
  int64_t price;
  /** Quantity, lots. */
  uint32_t qty;
  /** Zero. */
  uint32_t reserved;
} bt_price_level;

/** The one symbol of a plugin, `bt_strategy_entry`. Fills in the descriptor; returns 0 or a status. */
typedef int32_t (*bt_strategy_entry_fn)(const struct bt_host_api *host,
                                        struct bt_strategy_desc *desc_out);


#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The ABI version of the library that is loaded; compare with the `BT_ABI_VERSION` compiled in.
 * Any thread. Cannot fail.
 */
BT_API uint32_t bt_abi_version(void);

/**
 * The semantic version of the library that is loaded, such as "0.1.0". NUL-terminated, lives forever.
 * Any thread. Cannot fail.
 */
BT_API
const char *bt_version_string(void);

/**
 * What the library was built from: "commit=... dirty=... rustc=... target=... profile=...". NUL-terminated,
 * lives forever. Any thread. Cannot fail.
 */
BT_API
const char *bt_build_info(void);

/**
 * The word for a status ("OK", "INVALID_ARGUMENT", ...), or "UNKNOWN". NUL-terminated, lives forever.
 * Any thread. Cannot fail.
 */
BT_API
const char *bt_status_name(int32_t status);

/**
 * The host table, for an application that registers strategies without an entry function. Lives forever.
 * Any thread. Cannot fail.
 */
BT_API
const struct bt_host_api *bt_host_table(void);

/**
 * Creates an engine. Then: add instruments, lanes and strategies, start, and loop over run and what it needs.
 *
 * Ownership: destroy `*engine_out` by `bt_engine_destroy`. Any thread. BT_STATUS_INVALID_ARGUMENT: a null pointer,
 * no stream, a flag above 1, a reserved byte. BT_STATUS_ABI_MISMATCH: wrong struct_size or abi_version.
 */
BT_API
int32_t bt_engine_create(const struct bt_engine_config *config,
                         struct bt_engine **engine_out);

/**
 * Destroys an engine and its strategies, and writes null to `*engine`. Null, and a pointer to null, are no-ops.
 *
 * BT_STATUS_INVALID_STATE: called from a callback of this engine, or while another thread uses it; nothing was
 * destroyed.
 */
BT_API
int32_t bt_engine_destroy(struct bt_engine **engine);

/**
 * Adds an instrument; texts and arrays are copied. Before the start.
 *
 * BT_STATUS_INVALID_ARGUMENT, BT_STATUS_ABI_MISMATCH, BT_STATUS_INVALID_STATE after the start; the message says
 * what. Ranges are checked by `bt_engine_start`, all at once.
 */
BT_API
int32_t bt_engine_add_instrument(struct bt_engine *engine,
                                 const struct bt_instrument_config *config);

/** Adds a lane and writes its number, counted from 0. Before the start. Statuses as `bt_engine_add_instrument`. */
BT_API
int32_t bt_engine_add_lane(struct bt_engine *engine,
                           const struct bt_lane_config *config,
                           uint32_t *lane_out);

/**
 * Adds a strategy to a lane: checks the descriptor, runs its `create`, and writes the strategy's number within
 * the lane. The descriptor is copied; its `destroy` runs once, at the latest when the engine is destroyed.
 *
 * BT_STATUS_NOT_FOUND: no such lane. BT_STATUS_ABI_MISMATCH: the descriptor's size or version.
 * BT_STATUS_INVALID_ARGUMENT: other faults of the descriptor, all told at once by `bt_engine_last_error`.
 * BT_STATUS_STRATEGY_STOPPED: `create` refused. BT_STATUS_INVALID_STATE: after the start.
 */
BT_API
int32_t bt_engine_add_strategy(struct bt_engine *engine,
                               uint32_t lane,
                               const char *name,
                               const struct bt_strategy_desc *desc,
                               const struct bt_param *params,
                               uint32_t params_count,
                               uint32_t *strategy_out);

/**
 * Builds every lane; afterwards nothing is allocated but by feeds without sequence numbers.
 *
 * BT_STATUS_INVALID_CONFIG: the message lists every fault, the strategies were destroyed, and the engine can only
 * be destroyed too. BT_STATUS_INVALID_STATE: started already.
 */
BT_API
int32_t bt_engine_start(struct bt_engine *engine);

/**
 * Writes the number that rows of this symbol (NUL-terminated) carry in `bt_event.instrument`. After the start.
 *
 * BT_STATUS_NOT_FOUND: none. BT_STATUS_INVALID_STATE: before the start. BT_STATUS_INVALID_ARGUMENT.
 */
BT_API
int32_t bt_engine_instrument_find(struct bt_engine *engine,
                                  const char *symbol,
                                  uint32_t *instrument_out);

/**
 * Feeds rows of a stream, in the source's own order, until its buffer is full. Rows are copied.
 *
 * `events` are BT_KIND_BOOK and BT_KIND_TRADE rows; `depths` has one row for each book among them, in the same
 * order; `seqs` one sequence number for each event, or is null where the source has none. Arrays are aligned as
 * their types are (64 bytes: use aligned_alloc). What was taken is written to `*taken_out`; when it is less than
 * what was given, run, and feed the rest.
 *
 * BT_STATUS_BAD_DATA: a row that cannot be one, named in the message; the run has failed.
 * BT_STATUS_NOT_FOUND: no such stream. BT_STATUS_INVALID_STATE: before the start, after the stream's close, after a
 * failed run. BT_STATUS_INVALID_ARGUMENT: a null or misaligned pointer.
 */
BT_API
int32_t bt_engine_feed(struct bt_engine *engine,
                       uint32_t stream,
                       const struct bt_event *events,
                       uint64_t events_count,
                       const struct bt_depth *depths,
                       uint64_t depths_count,
                       const uint64_t *seqs,
                       struct bt_taken *taken_out);

/**
 * Says that no more rows will come from this stream. Closing twice is a no-op.
 *
 * BT_STATUS_NOT_FOUND: no such stream. BT_STATUS_INVALID_STATE: before the start, after a failed run.
 */
BT_API
int32_t bt_engine_stream_close(struct bt_engine *engine,
                               uint32_t stream);

/**
 * Runs every lane as far as the rows at hand allow, and writes what it needs to go on: rows of a stream (or its
 * close), a drain of a lane, or nothing, which is the end. Callbacks run on this thread, within this call.
 *
 * The result depends on rows and configuration alone, not on how the rows were cut into feeds. Allocates nothing.
 * BT_STATUS_STRATEGY_STOPPED: a callback returned a number other than 0; the message names strategy, callback and
 * number. BT_STATUS_FULL, BT_STATUS_OVERFLOW, BT_STATUS_ROUNDS_EXCEEDED: as the message says. After any of these the
 * run has failed: drain and summary still answer, run and feed say BT_STATUS_INVALID_STATE. BT_STATUS_PANIC: every
 * later call but `bt_engine_last_error` and `bt_engine_destroy` says so again.
 */
BT_API
int32_t bt_engine_run(struct bt_engine *engine,
                      struct bt_need *need_out);

/**
 * Hands a lane's output rows to `sink` and empties its slabs; a null sink discards them. Callbacks run within
 * this call, in the order orders, fills, queues, series, days, log lines.
 *
 * BT_STATUS_NOT_FOUND: no such lane. BT_STATUS_ABI_MISMATCH: the sink's size. BT_STATUS_INVALID_ARGUMENT: its reserved
 * field. BT_STATUS_INVALID_STATE: before the start.
 */
BT_API
int32_t bt_engine_drain(struct bt_engine *engine,
                        uint32_t lane,
                        const struct bt_sink *sink);

/**
 * Copies what a lane came to; `summary_size` is `sizeof(bt_lane_summary)`.
 *
 * BT_STATUS_NOT_FOUND: no such lane. BT_STATUS_OVERFLOW: a sum leaves 64 bits. BT_STATUS_ABI_MISMATCH: the size.
 * BT_STATUS_INVALID_STATE: before the start.
 */
BT_API
int32_t bt_engine_summary(struct bt_engine *engine,
                          uint32_t lane,
                          struct bt_lane_summary *summary_out,
                          uint32_t summary_size);

/**
 * Copies what happened to the rows of an instrument; `stats_size` is `sizeof(bt_feed_stats)`.
 *
 * BT_STATUS_NOT_FOUND: no such instrument. BT_STATUS_ABI_MISMATCH: the size. BT_STATUS_INVALID_STATE: before the start.
 */
BT_API
int32_t bt_engine_feed_stats(struct bt_engine *engine,
                             uint32_t instrument,
                             struct bt_feed_stats *stats_out,
                             uint32_t stats_size);

/**
 * Writes 32 bytes: BLAKE3 over the decoded rows, equal for equal rows whatever they were fed from.
 *
 * BT_STATUS_INVALID_ARGUMENT: null. BT_STATUS_INVALID_STATE: before the start.
 */
BT_API int32_t bt_engine_data_hash(struct bt_engine *engine, uint8_t *hash_out);

/**
 * Writes how far the run had come when `bt_engine_run` last returned. Wait-free and async-signal-safe: may run
 * beside any other call on the same engine, in any thread, but not beside or after its destroy.
 *
 * BT_STATUS_INVALID_ARGUMENT: null.
 */
BT_API
int32_t bt_engine_progress(const struct bt_engine *engine,
                           struct bt_progress *progress_out);

/**
 * Writes the status and the message of the last call that failed with a message: BT_STATUS_OK and "" when none has.
 * The message is NUL-terminated UTF-8, valid until the next call on this engine. Works on a poisoned engine.
 *
 * BT_STATUS_INVALID_ARGUMENT: null. BT_STATUS_INVALID_STATE: while another call runs, callbacks included.
 */
BT_API
int32_t bt_engine_last_error(const struct bt_engine *engine,
                             int32_t *status_out,
                             const char **message_out);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

/* layouts, as the library was compiled */
BT_STATIC_ASSERT(sizeof(bt_event) == 64, "size of bt_event");
BT_STATIC_ASSERT(offsetof(bt_event, ts_exch_ns) == 0, "bt_event.ts_exch_ns");
BT_STATIC_ASSERT(offsetof(bt_event, ts_recv_ns) == 8, "bt_event.ts_recv_ns");
BT_STATIC_ASSERT(offsetof(bt_event, bid_price) == 16, "bt_event.bid_price");
BT_STATIC_ASSERT(offsetof(bt_event, ask_price) == 24, "bt_event.ask_price");
BT_STATIC_ASSERT(offsetof(bt_event, bid_qty) == 32, "bt_event.bid_qty");
BT_STATIC_ASSERT(offsetof(bt_event, ask_qty) == 36, "bt_event.ask_qty");
BT_STATIC_ASSERT(offsetof(bt_event, trade_price) == 40, "bt_event.trade_price");
BT_STATIC_ASSERT(offsetof(bt_event, trade_qty) == 48, "bt_event.trade_qty");
BT_STATIC_ASSERT(offsetof(bt_event, depth_ix) == 52, "bt_event.depth_ix");
BT_STATIC_ASSERT(offsetof(bt_event, instrument) == 56, "bt_event.instrument");
BT_STATIC_ASSERT(offsetof(bt_event, kind) == 60, "bt_event.kind");
BT_STATIC_ASSERT(offsetof(bt_event, aggressor) == 61, "bt_event.aggressor");
BT_STATIC_ASSERT(offsetof(bt_event, flags) == 62, "bt_event.flags");
BT_STATIC_ASSERT(sizeof(bt_depth) == 128, "size of bt_depth");
BT_STATIC_ASSERT(offsetof(bt_depth, bid_price) == 0, "bt_depth.bid_price");
BT_STATIC_ASSERT(offsetof(bt_depth, ask_price) == 32, "bt_depth.ask_price");
BT_STATIC_ASSERT(offsetof(bt_depth, bid_qty) == 64, "bt_depth.bid_qty");
BT_STATIC_ASSERT(offsetof(bt_depth, ask_qty) == 80, "bt_depth.ask_qty");
BT_STATIC_ASSERT(offsetof(bt_depth, bid_levels) == 96, "bt_depth.bid_levels");
BT_STATIC_ASSERT(offsetof(bt_depth, ask_levels) == 97, "bt_depth.ask_levels");
BT_STATIC_ASSERT(offsetof(bt_depth, reserved) == 98, "bt_depth.reserved");
BT_STATIC_ASSERT(sizeof(bt_price_level) == 16, "size of bt_price_level");
BT_STATIC_ASSERT(offsetof(bt_price_level, price) == 0, "bt_price_level.price");
BT_STATIC_ASSERT(offsetof(bt_price_level, qty) == 8, "bt_price_level.qty");
BT_STATIC_ASSERT(offsetof(bt_price_level, reserved) == 12, "bt_price_level.reserved");
BT_STATIC_ASSERT(sizeof(bt_order_req) == 32, "size of bt_order_req");
BT_STATIC_ASSERT(offsetof(bt_order_req, struct_size) == 0, "bt_order_req.struct_size");
BT_STATIC_ASSERT(offsetof(bt_order_req, instrument) == 4, "bt_order_req.instrument");
BT_STATIC_ASSERT(offsetof(bt_order_req, price) == 8, "bt_order_req.price");
BT_STATIC_ASSERT(offsetof(bt_order_req, qty) == 16, "bt_order_req.qty");
BT_STATIC_ASSERT(offsetof(bt_order_req, side) == 20, "bt_order_req.side");
BT_STATIC_ASSERT(offsetof(bt_order_req, order_type) == 21, "bt_order_req.order_type");
BT_STATIC_ASSERT(offsetof(bt_order_req, tif) == 22, "bt_order_req.tif");
BT_STATIC_ASSERT(offsetof(bt_order_req, post_only) == 23, "bt_order_req.post_only");
BT_STATIC_ASSERT(offsetof(bt_order_req, tag) == 24, "bt_order_req.tag");
BT_STATIC_ASSERT(sizeof(bt_report) == 64, "size of bt_report");
BT_STATIC_ASSERT(offsetof(bt_report, ts_exch_ns) == 0, "bt_report.ts_exch_ns");
BT_STATIC_ASSERT(offsetof(bt_report, ts_local_ns) == 8, "bt_report.ts_local_ns");
BT_STATIC_ASSERT(offsetof(bt_report, order_id) == 16, "bt_report.order_id");
BT_STATIC_ASSERT(offsetof(bt_report, tag) == 24, "bt_report.tag");
BT_STATIC_ASSERT(offsetof(bt_report, price) == 32, "bt_report.price");
BT_STATIC_ASSERT(offsetof(bt_report, qty) == 40, "bt_report.qty");
BT_STATIC_ASSERT(offsetof(bt_report, leaves_qty) == 44, "bt_report.leaves_qty");
BT_STATIC_ASSERT(offsetof(bt_report, instrument) == 48, "bt_report.instrument");
BT_STATIC_ASSERT(offsetof(bt_report, strategy) == 52, "bt_report.strategy");
BT_STATIC_ASSERT(offsetof(bt_report, kind) == 56, "bt_report.kind");
BT_STATIC_ASSERT(offsetof(bt_report, side) == 57, "bt_report.side");
BT_STATIC_ASSERT(offsetof(bt_report, reason) == 58, "bt_report.reason");
BT_STATIC_ASSERT(offsetof(bt_report, reserved) == 60, "bt_report.reserved");
BT_STATIC_ASSERT(sizeof(bt_fill) == 72, "size of bt_fill");
BT_STATIC_ASSERT(offsetof(bt_fill, ts_exch_ns) == 0, "bt_fill.ts_exch_ns");
BT_STATIC_ASSERT(offsetof(bt_fill, ts_local_ns) == 8, "bt_fill.ts_local_ns");
BT_STATIC_ASSERT(offsetof(bt_fill, order_id) == 16, "bt_fill.order_id");
BT_STATIC_ASSERT(offsetof(bt_fill, tag) == 24, "bt_fill.tag");
BT_STATIC_ASSERT(offsetof(bt_fill, price) == 32, "bt_fill.price");
BT_STATIC_ASSERT(offsetof(bt_fill, fee) == 40, "bt_fill.fee");
BT_STATIC_ASSERT(offsetof(bt_fill, qty) == 48, "bt_fill.qty");
BT_STATIC_ASSERT(offsetof(bt_fill, leaves_qty) == 52, "bt_fill.leaves_qty");
BT_STATIC_ASSERT(offsetof(bt_fill, instrument) == 56, "bt_fill.instrument");
BT_STATIC_ASSERT(offsetof(bt_fill, strategy) == 60, "bt_fill.strategy");
BT_STATIC_ASSERT(offsetof(bt_fill, side) == 64, "bt_fill.side");
BT_STATIC_ASSERT(offsetof(bt_fill, evidence) == 65, "bt_fill.evidence");
BT_STATIC_ASSERT(offsetof(bt_fill, inferred) == 66, "bt_fill.inferred");
BT_STATIC_ASSERT(offsetof(bt_fill, reserved) == 67, "bt_fill.reserved");
BT_STATIC_ASSERT(sizeof(bt_position) == 48, "size of bt_position");
BT_STATIC_ASSERT(offsetof(bt_position, qty) == 0, "bt_position.qty");
BT_STATIC_ASSERT(offsetof(bt_position, open_cost) == 8, "bt_position.open_cost");
BT_STATIC_ASSERT(offsetof(bt_position, price_avg) == 16, "bt_position.price_avg");
BT_STATIC_ASSERT(offsetof(bt_position, pnl_realised) == 24, "bt_position.pnl_realised");
BT_STATIC_ASSERT(offsetof(bt_position, pnl_unrealised) == 32, "bt_position.pnl_unrealised");
BT_STATIC_ASSERT(offsetof(bt_position, fees) == 40, "bt_position.fees");
BT_STATIC_ASSERT(sizeof(bt_host_api) == 144, "size of bt_host_api");
BT_STATIC_ASSERT(offsetof(bt_host_api, struct_size) == 0, "bt_host_api.struct_size");
BT_STATIC_ASSERT(offsetof(bt_host_api, abi_version) == 4, "bt_host_api.abi_version");
BT_STATIC_ASSERT(offsetof(bt_host_api, order_submit) == 8, "bt_host_api.order_submit");
BT_STATIC_ASSERT(offsetof(bt_host_api, order_amend) == 16, "bt_host_api.order_amend");
BT_STATIC_ASSERT(offsetof(bt_host_api, order_cancel) == 24, "bt_host_api.order_cancel");
BT_STATIC_ASSERT(offsetof(bt_host_api, timer_set) == 32, "bt_host_api.timer_set");
BT_STATIC_ASSERT(offsetof(bt_host_api, now_ns) == 40, "bt_host_api.now_ns");
BT_STATIC_ASSERT(offsetof(bt_host_api, strategy) == 48, "bt_host_api.strategy");
BT_STATIC_ASSERT(offsetof(bt_host_api, book) == 56, "bt_host_api.book");
BT_STATIC_ASSERT(offsetof(bt_host_api, position) == 64, "bt_host_api.position");
BT_STATIC_ASSERT(offsetof(bt_host_api, instrument_count) == 72, "bt_host_api.instrument_count");
BT_STATIC_ASSERT(offsetof(bt_host_api, instrument_find) == 80, "bt_host_api.instrument_find");
BT_STATIC_ASSERT(offsetof(bt_host_api, instrument_info) == 88, "bt_host_api.instrument_info");
BT_STATIC_ASSERT(offsetof(bt_host_api, instrument_symbol) == 96, "bt_host_api.instrument_symbol");
BT_STATIC_ASSERT(offsetof(bt_host_api, instrument_tick) == 104, "bt_host_api.instrument_tick");
BT_STATIC_ASSERT(offsetof(bt_host_api, param_int) == 112, "bt_host_api.param_int");
BT_STATIC_ASSERT(offsetof(bt_host_api, param_float) == 120, "bt_host_api.param_float");
BT_STATIC_ASSERT(offsetof(bt_host_api, param_text) == 128, "bt_host_api.param_text");
BT_STATIC_ASSERT(offsetof(bt_host_api, log) == 136, "bt_host_api.log");
BT_STATIC_ASSERT(sizeof(bt_instrument_info) == 32, "size of bt_instrument_info");
BT_STATIC_ASSERT(offsetof(bt_instrument_info, multiplier_e6) == 0, "bt_instrument_info.multiplier_e6");
BT_STATIC_ASSERT(offsetof(bt_instrument_info, limit_down) == 8, "bt_instrument_info.limit_down");
BT_STATIC_ASSERT(offsetof(bt_instrument_info, limit_up) == 16, "bt_instrument_info.limit_up");
BT_STATIC_ASSERT(offsetof(bt_instrument_info, order_qty_max) == 24, "bt_instrument_info.order_qty_max");
BT_STATIC_ASSERT(offsetof(bt_instrument_info, depth_max) == 28, "bt_instrument_info.depth_max");
BT_STATIC_ASSERT(offsetof(bt_instrument_info, negative_prices) == 29, "bt_instrument_info.negative_prices");
BT_STATIC_ASSERT(offsetof(bt_instrument_info, reserved) == 30, "bt_instrument_info.reserved");
BT_STATIC_ASSERT(sizeof(bt_strategy_desc) == 120, "size of bt_strategy_desc");
BT_STATIC_ASSERT(offsetof(bt_strategy_desc, struct_size) == 0, "bt_strategy_desc.struct_size");
BT_STATIC_ASSERT(offsetof(bt_strategy_desc, abi_version) == 4, "bt_strategy_desc.abi_version");
BT_STATIC_ASSERT(offsetof(bt_strategy_desc, want) == 8, "bt_strategy_desc.want");
BT_STATIC_ASSERT(offsetof(bt_strategy_desc, user) == 16, "bt_strategy_desc.user");
BT_STATIC_ASSERT(offsetof(bt_strategy_desc, create) == 24, "bt_strategy_desc.create");
BT_STATIC_ASSERT(offsetof(bt_strategy_desc, on_start) == 32, "bt_strategy_desc.on_start");
BT_STATIC_ASSERT(offsetof(bt_strategy_desc, on_event) == 40, "bt_strategy_desc.on_event");
BT_STATIC_ASSERT(offsetof(bt_strategy_desc, on_report) == 48, "bt_strategy_desc.on_report");
BT_STATIC_ASSERT(offsetof(bt_strategy_desc, on_fill) == 56, "bt_strategy_desc.on_fill");
BT_STATIC_ASSERT(offsetof(bt_strategy_desc, on_timer) == 64, "bt_strategy_desc.on_timer");
BT_STATIC_ASSERT(offsetof(bt_strategy_desc, on_end) == 72, "bt_strategy_desc.on_end");
BT_STATIC_ASSERT(offsetof(bt_strategy_desc, save) == 80, "bt_strategy_desc.save");
BT_STATIC_ASSERT(offsetof(bt_strategy_desc, load) == 88, "bt_strategy_desc.load");
BT_STATIC_ASSERT(offsetof(bt_strategy_desc, destroy) == 96, "bt_strategy_desc.destroy");
BT_STATIC_ASSERT(offsetof(bt_strategy_desc, reserved) == 104, "bt_strategy_desc.reserved");
BT_STATIC_ASSERT(sizeof(bt_engine_config) == 40, "size of bt_engine_config");
BT_STATIC_ASSERT(offsetof(bt_engine_config, struct_size) == 0, "bt_engine_config.struct_size");
BT_STATIC_ASSERT(offsetof(bt_engine_config, abi_version) == 4, "bt_engine_config.abi_version");
BT_STATIC_ASSERT(offsetof(bt_engine_config, streams) == 8, "bt_engine_config.streams");
BT_STATIC_ASSERT(offsetof(bt_engine_config, books_first) == 12, "bt_engine_config.books_first");
BT_STATIC_ASSERT(offsetof(bt_engine_config, keep_duplicates) == 13, "bt_engine_config.keep_duplicates");
BT_STATIC_ASSERT(offsetof(bt_engine_config, reserved) == 14, "bt_engine_config.reserved");
BT_STATIC_ASSERT(offsetof(bt_engine_config, reorder_ns) == 16, "bt_engine_config.reorder_ns");
BT_STATIC_ASSERT(offsetof(bt_engine_config, reorder_rows_max) == 24, "bt_engine_config.reorder_rows_max");
BT_STATIC_ASSERT(offsetof(bt_engine_config, window_rows) == 32, "bt_engine_config.window_rows");
BT_STATIC_ASSERT(sizeof(bt_tick_step) == 16, "size of bt_tick_step");
BT_STATIC_ASSERT(offsetof(bt_tick_step, price_from) == 0, "bt_tick_step.price_from");
BT_STATIC_ASSERT(offsetof(bt_tick_step, tick) == 8, "bt_tick_step.tick");
BT_STATIC_ASSERT(sizeof(bt_session) == 24, "size of bt_session");
BT_STATIC_ASSERT(offsetof(bt_session, open_ns) == 0, "bt_session.open_ns");
BT_STATIC_ASSERT(offsetof(bt_session, close_ns) == 8, "bt_session.close_ns");
BT_STATIC_ASSERT(offsetof(bt_session, trading_day) == 16, "bt_session.trading_day");
BT_STATIC_ASSERT(offsetof(bt_session, reserved) == 20, "bt_session.reserved");
BT_STATIC_ASSERT(sizeof(bt_fee) == 32, "size of bt_fee");
BT_STATIC_ASSERT(offsetof(bt_fee, name) == 0, "bt_fee.name");
BT_STATIC_ASSERT(offsetof(bt_fee, amount) == 8, "bt_fee.amount");
BT_STATIC_ASSERT(offsetof(bt_fee, unit) == 16, "bt_fee.unit");
BT_STATIC_ASSERT(offsetof(bt_fee, side) == 24, "bt_fee.side");
BT_STATIC_ASSERT(offsetof(bt_fee, base) == 25, "bt_fee.base");
BT_STATIC_ASSERT(offsetof(bt_fee, rounding) == 26, "bt_fee.rounding");
BT_STATIC_ASSERT(offsetof(bt_fee, reserved) == 27, "bt_fee.reserved");
BT_STATIC_ASSERT(sizeof(bt_instrument_config) == 96, "size of bt_instrument_config");
BT_STATIC_ASSERT(offsetof(bt_instrument_config, struct_size) == 0, "bt_instrument_config.struct_size");
BT_STATIC_ASSERT(offsetof(bt_instrument_config, depth_max) == 4, "bt_instrument_config.depth_max");
BT_STATIC_ASSERT(offsetof(bt_instrument_config, negative_prices) == 5, "bt_instrument_config.negative_prices");
BT_STATIC_ASSERT(offsetof(bt_instrument_config, reserved) == 6, "bt_instrument_config.reserved");
BT_STATIC_ASSERT(offsetof(bt_instrument_config, symbol) == 8, "bt_instrument_config.symbol");
BT_STATIC_ASSERT(offsetof(bt_instrument_config, exchange) == 16, "bt_instrument_config.exchange");
BT_STATIC_ASSERT(offsetof(bt_instrument_config, ticks) == 24, "bt_instrument_config.ticks");
BT_STATIC_ASSERT(offsetof(bt_instrument_config, sessions) == 32, "bt_instrument_config.sessions");
BT_STATIC_ASSERT(offsetof(bt_instrument_config, fees) == 40, "bt_instrument_config.fees");
BT_STATIC_ASSERT(offsetof(bt_instrument_config, ticks_count) == 48, "bt_instrument_config.ticks_count");
BT_STATIC_ASSERT(offsetof(bt_instrument_config, sessions_count) == 52, "bt_instrument_config.sessions_count");
BT_STATIC_ASSERT(offsetof(bt_instrument_config, fees_count) == 56, "bt_instrument_config.fees_count");
BT_STATIC_ASSERT(offsetof(bt_instrument_config, order_qty_max) == 60, "bt_instrument_config.order_qty_max");
BT_STATIC_ASSERT(offsetof(bt_instrument_config, multiplier_e6) == 64, "bt_instrument_config.multiplier_e6");
BT_STATIC_ASSERT(offsetof(bt_instrument_config, limit_down) == 72, "bt_instrument_config.limit_down");
BT_STATIC_ASSERT(offsetof(bt_instrument_config, limit_up) == 80, "bt_instrument_config.limit_up");
BT_STATIC_ASSERT(offsetof(bt_instrument_config, protection) == 88, "bt_instrument_config.protection");
BT_STATIC_ASSERT(sizeof(bt_queue_row) == 72, "size of bt_queue_row");
BT_STATIC_ASSERT(offsetof(bt_queue_row, order_id) == 0, "bt_queue_row.order_id");
BT_STATIC_ASSERT(offsetof(bt_queue_row, ts_join_ns) == 8, "bt_queue_row.ts_join_ns");
BT_STATIC_ASSERT(offsetof(bt_queue_row, ts_end_ns) == 16, "bt_queue_row.ts_end_ns");
BT_STATIC_ASSERT(offsetof(bt_queue_row, ts_first_ns) == 24, "bt_queue_row.ts_first_ns");
BT_STATIC_ASSERT(offsetof(bt_queue_row, filled_qty) == 48, "bt_queue_row.filled_qty");
BT_STATIC_ASSERT(offsetof(bt_queue_row, ahead_qty) == 60, "bt_queue_row.ahead_qty");
BT_STATIC_ASSERT(sizeof(bt_lane_config) == 96, "size of bt_lane_config");
BT_STATIC_ASSERT(offsetof(bt_lane_config, struct_size) == 0, "bt_lane_config.struct_size");
BT_STATIC_ASSERT(offsetof(bt_lane_config, reserved) == 4, "bt_lane_config.reserved");
BT_STATIC_ASSERT(offsetof(bt_lane_config, name) == 8, "bt_lane_config.name");
BT_STATIC_ASSERT(offsetof(bt_lane_config, seed) == 16, "bt_lane_config.seed");
BT_STATIC_ASSERT(offsetof(bt_lane_config, capital) == 24, "bt_lane_config.capital");
BT_STATIC_ASSERT(offsetof(bt_lane_config, timeseries_ns) == 32, "bt_lane_config.timeseries_ns");
BT_STATIC_ASSERT(offsetof(bt_lane_config, feed_ns) == 40, "bt_lane_config.feed_ns");
BT_STATIC_ASSERT(offsetof(bt_lane_config, submit_ns) == 48, "bt_lane_config.submit_ns");
BT_STATIC_ASSERT(offsetof(bt_lane_config, amend_ns) == 56, "bt_lane_config.amend_ns");
BT_STATIC_ASSERT(offsetof(bt_lane_config, cancel_ns) == 64, "bt_lane_config.cancel_ns");
BT_STATIC_ASSERT(offsetof(bt_lane_config, response_ns) == 72, "bt_lane_config.response_ns");
BT_STATIC_ASSERT(offsetof(bt_lane_config, orders_live_max) == 80, "bt_lane_config.orders_live_max");
BT_STATIC_ASSERT(offsetof(bt_lane_config, in_flight_max) == 84, "bt_lane_config.in_flight_max");
BT_STATIC_ASSERT(offsetof(bt_lane_config, timers_max) == 88, "bt_lane_config.timers_max");
BT_STATIC_ASSERT(offsetof(bt_lane_config, records_max) == 92, "bt_lane_config.records_max");
BT_STATIC_ASSERT(sizeof(bt_param) == 40, "size of bt_param");
BT_STATIC_ASSERT(offsetof(bt_param, name) == 0, "bt_param.name");
BT_STATIC_ASSERT(offsetof(bt_param, value_text) == 8, "bt_param.value_text");
BT_STATIC_ASSERT(offsetof(bt_param, value_int) == 16, "bt_param.value_int");
BT_STATIC_ASSERT(offsetof(bt_param, value_float) == 24, "bt_param.value_float");
BT_STATIC_ASSERT(offsetof(bt_param, value_type) == 32, "bt_param.value_type");
BT_STATIC_ASSERT(offsetof(bt_param, reserved) == 36, "bt_param.reserved");
BT_STATIC_ASSERT(sizeof(bt_order_row) == 72, "size of bt_order_row");
BT_STATIC_ASSERT(offsetof(bt_order_row, order_id) == 0, "bt_order_row.order_id");
BT_STATIC_ASSERT(offsetof(bt_order_row, tag) == 8, "bt_order_row.tag");
BT_STATIC_ASSERT(offsetof(bt_order_row, ts_submit_ns) == 16, "bt_order_row.ts_submit_ns");
BT_STATIC_ASSERT(offsetof(bt_order_row, ts_accept_ns) == 24, "bt_order_row.ts_accept_ns");
BT_STATIC_ASSERT(offsetof(bt_order_row, ts_end_ns) == 32, "bt_order_row.ts_end_ns");
BT_STATIC_ASSERT(offsetof(bt_order_row, price) == 40, "bt_order_row.price");
BT_STATIC_ASSERT(offsetof(bt_order_row, qty) == 48, "bt_order_row.qty");
BT_STATIC_ASSERT(offsetof(bt_order_row, filled_qty) == 52, "bt_order_row.filled_qty");
BT_STATIC_ASSERT(offsetof(bt_order_row, instrument) == 56, "bt_order_row.instrument");
BT_STATIC_ASSERT(offsetof(bt_order_row, strategy) == 60, "bt_order_row.strategy");
BT_STATIC_ASSERT(offsetof(bt_order_row, side) == 64, "bt_order_row.side");
BT_STATIC_ASSERT(offsetof(bt_order_row, order_type) == 65, "bt_order_row.order_type");
BT_STATIC_ASSERT(offsetof(bt_order_row, tif) == 66, "bt_order_row.tif");
BT_STATIC_ASSERT(offsetof(bt_order_row, post_only) == 67, "bt_order_row.post_only");
BT_STATIC_ASSERT(offsetof(bt_order_row, end) == 68, "bt_order_row.end");
BT_STATIC_ASSERT(offsetof(bt_order_row, reserved) == 69, "bt_order_row.reserved");
BT_STATIC_ASSERT(offsetof(bt_order_row, reason) == 70, "bt_order_row.reason");
BT_STATIC_ASSERT(sizeof(bt_fill_row) == 104, "size of bt_fill_row");
BT_STATIC_ASSERT(offsetof(bt_fill_row, fill) == 0, "bt_fill_row.fill");
BT_STATIC_ASSERT(offsetof(bt_fill_row, position_qty) == 72, "bt_fill_row.position_qty");
BT_STATIC_ASSERT(offsetof(bt_fill_row, pnl_realised) == 80, "bt_fill_row.pnl_realised");
BT_STATIC_ASSERT(offsetof(bt_fill_row, ahead_qty) == 88, "bt_fill_row.ahead_qty");
BT_STATIC_ASSERT(offsetof(bt_fill_row, reserved) == 100, "bt_fill_row.reserved");
BT_STATIC_ASSERT(sizeof(bt_series_row) == 64, "size of bt_series_row");
BT_STATIC_ASSERT(offsetof(bt_series_row, ts_ns) == 0, "bt_series_row.ts_ns");
BT_STATIC_ASSERT(offsetof(bt_series_row, equity) == 8, "bt_series_row.equity");
BT_STATIC_ASSERT(offsetof(bt_series_row, pnl_realised) == 16, "bt_series_row.pnl_realised");
BT_STATIC_ASSERT(offsetof(bt_series_row, pnl_unrealised) == 24, "bt_series_row.pnl_unrealised");
BT_STATIC_ASSERT(offsetof(bt_series_row, fees) == 32, "bt_series_row.fees");
BT_STATIC_ASSERT(offsetof(bt_series_row, exposure_gross) == 40, "bt_series_row.exposure_gross");
BT_STATIC_ASSERT(offsetof(bt_series_row, exposure_net) == 48, "bt_series_row.exposure_net");
BT_STATIC_ASSERT(offsetof(bt_series_row, drawdown) == 56, "bt_series_row.drawdown");
BT_STATIC_ASSERT(sizeof(bt_day_row) == 32, "size of bt_day_row");
BT_STATIC_ASSERT(offsetof(bt_day_row, pnl) == 0, "bt_day_row.pnl");
BT_STATIC_ASSERT(offsetof(bt_day_row, fees) == 8, "bt_day_row.fees");
BT_STATIC_ASSERT(offsetof(bt_day_row, fills) == 16, "bt_day_row.fills");
BT_STATIC_ASSERT(offsetof(bt_day_row, trading_day) == 24, "bt_day_row.trading_day");
BT_STATIC_ASSERT(offsetof(bt_day_row, reserved) == 28, "bt_day_row.reserved");
BT_STATIC_ASSERT(sizeof(bt_sink) == 64, "size of bt_sink");
BT_STATIC_ASSERT(offsetof(bt_sink, struct_size) == 0, "bt_sink.struct_size");
BT_STATIC_ASSERT(offsetof(bt_sink, reserved) == 4, "bt_sink.reserved");
BT_STATIC_ASSERT(offsetof(bt_sink, user) == 8, "bt_sink.user");
BT_STATIC_ASSERT(offsetof(bt_sink, on_order) == 16, "bt_sink.on_order");
BT_STATIC_ASSERT(offsetof(bt_sink, on_fill) == 24, "bt_sink.on_fill");
BT_STATIC_ASSERT(offsetof(bt_sink, on_series) == 32, "bt_sink.on_series");
BT_STATIC_ASSERT(offsetof(bt_sink, on_queue) == 40, "bt_sink.on_queue");
BT_STATIC_ASSERT(offsetof(bt_sink, on_day) == 48, "bt_sink.on_day");
BT_STATIC_ASSERT(offsetof(bt_sink, on_log) == 56, "bt_sink.on_log");
BT_STATIC_ASSERT(sizeof(bt_lane_summary) == 216, "size of bt_lane_summary");
BT_STATIC_ASSERT(offsetof(bt_lane_summary, order_digest) == 0, "bt_lane_summary.order_digest");
BT_STATIC_ASSERT(offsetof(bt_lane_summary, rows_delivered) == 32, "bt_lane_summary.rows_delivered");
BT_STATIC_ASSERT(offsetof(bt_lane_summary, orders) == 40, "bt_lane_summary.orders");
BT_STATIC_ASSERT(offsetof(bt_lane_summary, orders_accepted) == 48, "bt_lane_summary.orders_accepted");
BT_STATIC_ASSERT(offsetof(bt_lane_summary, orders_rejected) == 56, "bt_lane_summary.orders_rejected");
BT_STATIC_ASSERT(offsetof(bt_lane_summary, orders_filled) == 64, "bt_lane_summary.orders_filled");
BT_STATIC_ASSERT(offsetof(bt_lane_summary, cancels) == 72, "bt_lane_summary.cancels");
BT_STATIC_ASSERT(offsetof(bt_lane_summary, amends) == 80, "bt_lane_summary.amends");
BT_STATIC_ASSERT(offsetof(bt_lane_summary, fills) == 88, "bt_lane_summary.fills");
BT_STATIC_ASSERT(offsetof(bt_lane_summary, fills_inferred) == 96, "bt_lane_summary.fills_inferred");
BT_STATIC_ASSERT(offsetof(bt_lane_summary, qty_accepted) == 104, "bt_lane_summary.qty_accepted");
BT_STATIC_ASSERT(offsetof(bt_lane_summary, qty_filled) == 112, "bt_lane_summary.qty_filled");
BT_STATIC_ASSERT(offsetof(bt_lane_summary, turnover) == 120, "bt_lane_summary.turnover");
BT_STATIC_ASSERT(offsetof(bt_lane_summary, pnl_realised) == 128, "bt_lane_summary.pnl_realised");
BT_STATIC_ASSERT(offsetof(bt_lane_summary, pnl_unrealised) == 136, "bt_lane_summary.pnl_unrealised");
BT_STATIC_ASSERT(offsetof(bt_lane_summary, fees) == 144, "bt_lane_summary.fees");
BT_STATIC_ASSERT(offsetof(bt_lane_summary, pnl) == 152, "bt_lane_summary.pnl");
BT_STATIC_ASSERT(offsetof(bt_lane_summary, drawdown_max) == 160, "bt_lane_summary.drawdown_max");
BT_STATIC_ASSERT(offsetof(bt_lane_summary, trips_won) == 168, "bt_lane_summary.trips_won");
BT_STATIC_ASSERT(offsetof(bt_lane_summary, trips_lost) == 176, "bt_lane_summary.trips_lost");
BT_STATIC_ASSERT(offsetof(bt_lane_summary, trips_even) == 184, "bt_lane_summary.trips_even");
BT_STATIC_ASSERT(offsetof(bt_lane_summary, open_qty) == 192, "bt_lane_summary.open_qty");
BT_STATIC_ASSERT(offsetof(bt_lane_summary, ts_first_ns) == 200, "bt_lane_summary.ts_first_ns");
BT_STATIC_ASSERT(offsetof(bt_lane_summary, ts_last_ns) == 208, "bt_lane_summary.ts_last_ns");
BT_STATIC_ASSERT(sizeof(bt_feed_stats) == 120, "size of bt_feed_stats");
BT_STATIC_ASSERT(offsetof(bt_feed_stats, rows_in) == 0, "bt_feed_stats.rows_in");
BT_STATIC_ASSERT(offsetof(bt_feed_stats, books_in) == 8, "bt_feed_stats.books_in");
BT_STATIC_ASSERT(offsetof(bt_feed_stats, trades_in) == 16, "bt_feed_stats.trades_in");
BT_STATIC_ASSERT(offsetof(bt_feed_stats, rows_used) == 24, "bt_feed_stats.rows_used");
BT_STATIC_ASSERT(offsetof(bt_feed_stats, excluded_out_of_session) == 32, "bt_feed_stats.excluded_out_of_session");
BT_STATIC_ASSERT(offsetof(bt_feed_stats, excluded_crossed) == 40, "bt_feed_stats.excluded_crossed");
BT_STATIC_ASSERT(offsetof(bt_feed_stats, excluded_empty_book) == 48, "bt_feed_stats.excluded_empty_book");
BT_STATIC_ASSERT(offsetof(bt_feed_stats, excluded_sentinel) == 56, "bt_feed_stats.excluded_sentinel");
BT_STATIC_ASSERT(offsetof(bt_feed_stats, dropped_duplicates) == 64, "bt_feed_stats.dropped_duplicates");
BT_STATIC_ASSERT(offsetof(bt_feed_stats, unknown_aggressor) == 72, "bt_feed_stats.unknown_aggressor");
BT_STATIC_ASSERT(offsetof(bt_feed_stats, reordered) == 80, "bt_feed_stats.reordered");
BT_STATIC_ASSERT(offsetof(bt_feed_stats, off_grid) == 88, "bt_feed_stats.off_grid");
BT_STATIC_ASSERT(offsetof(bt_feed_stats, qty_saturated) == 96, "bt_feed_stats.qty_saturated");
BT_STATIC_ASSERT(offsetof(bt_feed_stats, no_recv_clock) == 104, "bt_feed_stats.no_recv_clock");
BT_STATIC_ASSERT(offsetof(bt_feed_stats, one_sided) == 112, "bt_feed_stats.one_sided");
BT_STATIC_ASSERT(sizeof(bt_need) == 8, "size of bt_need");
BT_STATIC_ASSERT(offsetof(bt_need, kind) == 0, "bt_need.kind");
BT_STATIC_ASSERT(offsetof(bt_need, index) == 4, "bt_need.index");
BT_STATIC_ASSERT(sizeof(bt_taken) == 16, "size of bt_taken");
BT_STATIC_ASSERT(offsetof(bt_taken, events) == 0, "bt_taken.events");
BT_STATIC_ASSERT(offsetof(bt_taken, depths) == 8, "bt_taken.depths");
BT_STATIC_ASSERT(sizeof(bt_progress) == 16, "size of bt_progress");
BT_STATIC_ASSERT(offsetof(bt_progress, rows) == 0, "bt_progress.rows");
BT_STATIC_ASSERT(offsetof(bt_progress, ts_ns) == 8, "bt_progress.ts_ns");

#ifdef __cplusplus
extern "C" {
#endif

/**
 * The one symbol of a plugin: fill in `desc_out`, which comes zeroed but for struct_size and abi_version, and return 0.
 * The host calls it once for every instance that it makes; `host` lives as long as the process.
 */
BT_EXPORT int32_t bt_strategy_entry(const bt_host_api *host, bt_strategy_desc *desc_out);

/**
 * Writes level `n` (1 is the touch, 5 the deepest) of a side (BT_SIDE_BUY: bids, BT_SIDE_SELL: asks) of the picture that
 * `event` and `depth` make. O(1); level 1 does not touch `depth`, which may then be null.
 * BT_STATUS_NOT_FOUND: the side shows fewer levels. BT_STATUS_INVALID_ARGUMENT: no such side or level, a null pointer.
 */
static inline int32_t bt_level(const bt_event *event, const bt_depth *depth, uint8_t side, uint32_t n,
                               bt_price_level *level_out) {
  int is_bid = side == BT_SIDE_BUY;
  if (!event || !level_out || (!is_bid && side != BT_SIDE_SELL) || n < 1 || n > BT_LEVELS_MAX)
    return BT_STATUS_INVALID_ARGUMENT;
  if (n == 1) {
    if ((is_bid ? event->bid_price : event->ask_price) == BT_UNDEF_PRICE) return BT_STATUS_NOT_FOUND;
    level_out->price = is_bid ? event->bid_price : event->ask_price;
    level_out->qty = is_bid ? event->bid_qty : event->ask_qty;
  } else {
    if (!depth) return BT_STATUS_INVALID_ARGUMENT;
    if (n > (is_bid ? depth->bid_levels : depth->ask_levels)) return BT_STATUS_NOT_FOUND;
    level_out->price = is_bid ? depth->bid_price[n - 2] : depth->ask_price[n - 2];
    level_out->qty = is_bid ? depth->bid_qty[n - 2] : depth->ask_qty[n - 2];
  }
  level_out->reserved = 0;
  return BT_STATUS_OK;
}

/** A new order of `qty` lots with every other field set to what its arguments say; tag and post_only are 0. */
static inline bt_order_req bt_order(uint32_t instrument, uint8_t side, uint8_t order_type, uint8_t tif,
                                    int64_t price, uint32_t qty) {
  bt_order_req req;
  req.struct_size = (uint32_t)sizeof req;
  req.instrument = instrument;
  req.price = price;
  req.qty = qty;
  req.side = side;
  req.order_type = order_type;
  req.tif = tif;
  req.post_only = 0;
  req.tag = 0;
  return req;
}

#ifdef __cplusplus
}
#endif

#endif
