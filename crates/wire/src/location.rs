//! WSUSLocationRequest and WSUSLocationReply.
