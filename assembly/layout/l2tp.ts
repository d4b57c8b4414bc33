// L2TP header, RFC 2661 section 3.1. Network order.
//
//    0                   1                   2                   3
//    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//   |T|L|x|x|S|x|O|P|x|x|x|x|  Ver  |          Length (opt)         |
//   |           Tunnel ID           |           Session ID          |
//   |             Ns (opt)          |             Nr (opt)          |
//   |      Offset Size (opt)        |    Offset pad... (opt)        |
//   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

/** Type: set in a control message. */
export const L2TP_T: u32 = 0x8000;
/** The Length field is present. */
export const L2TP_L: u32 = 0x4000;
/** Ns and Nr are present. */
export const L2TP_S: u32 = 0x0800;
/** Offset Size is present. */
export const L2TP_O: u32 = 0x0200;
/** Priority: the data message should be treated preferentially. */
export const L2TP_P: u32 = 0x0100;
/** Mask of the version; L2TP is 2, L2F is 1. */
export const L2TP_VER: u32 = 0x000f;
/** Octets of the shortest header: flags, Tunnel ID, Session ID. */
export const L2TP_HEADER_MIN: u32 = 6;
