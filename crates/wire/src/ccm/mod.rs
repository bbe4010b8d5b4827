//! Client to management point messaging: the `CCM_POST` envelope, the messages inside it, and the documents a
//! management point gives to plain GETs.

pub mod certificates;
pub mod cim_time;
pub mod client_id;
pub mod endpoint;
pub mod envelope;
pub mod mp_list;
pub mod msg;
pub mod multipart;
pub mod policy;
pub mod registration;
pub mod signature;
pub mod site_information;
pub mod state_report;
pub mod text;
