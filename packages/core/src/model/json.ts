/** What JSON can say: the only form in which positions and options are stored. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }
