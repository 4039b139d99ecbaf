/* A plugin that forgot its entry. */
int bt_some_other_symbol(void);
int bt_some_other_symbol(void) { return 0; }
