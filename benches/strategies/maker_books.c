/* `maker.c` that asks for books alone, as the example does. */
#define WANTS (BT_WANT_BOOK | BT_WANT_REPORT | BT_WANT_FILL)
#include "maker.c"
