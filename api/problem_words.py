"""What each code of a refusal means and what to do: for the documentation and in Indonesian."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from api.problem_words_books import BOOK_WORDS
from api.problem_words_items import ITEM_WORDS
from api.problem_words_life import LIFE_WORDS
from api.problem_words_money import MONEY_WORDS

_EDGE_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "answer_not_stored": (
        "It was done before; its answer held a secret and was shown once.",
        "Ini sudah dikerjakan; jawabannya berisi rahasia dan hanya ditampilkan sekali.",
    ),
    "bad_request": ("The request can not be read.", "Permintaan ini tidak dapat dibaca."),
    "body_too_large": (
        "The body is larger than 256 KiB (a notification: 64 KiB).",
        "Isi permintaan lebih dari 256 KiB (notifikasi: 64 KiB).",
    ),
    "clock_advancing": (
        "The test clock is on its way: read it until it is `ready`.",
        "Jam uji sedang berjalan: baca sampai `ready`.",
    ),
    "clock_backwards": ("A test clock only goes forward.", "Jam uji hanya dapat maju."),
    "clock_needs_simulator": (
        "A test clock is for merchants on the simulator.",
        "Jam uji hanya untuk merchant di simulator.",
    ),
    "clock_too_far": (
        "At most 800 days at a time.",
        "Paling jauh 800 hari sekali maju.",
    ),
    "concurrent_change": (
        "Another request changed the same thing: try again.",
        "Permintaan lain mengubah hal yang sama: coba lagi.",
    ),
    "database_busy": (
        "The database is busy: try again after `Retry-After` seconds.",
        "Basis data sedang sibuk: coba lagi setelah `Retry-After` detik.",
    ),
    "database_unavailable": (
        "The database can not be reached: try again after `Retry-After` seconds.",
        "Basis data tidak dapat dihubungi: coba lagi setelah `Retry-After` detik.",
    ),
    "duplicate_key": (
        "An object names a key twice; `field` says which.",
        "Sebuah objek memakai satu kunci dua kali; `field` menunjukkan yang mana.",
    ),
    "email_taken": (
        "Somebody has this address already.",
        "Alamat e-mail ini sudah dipakai orang lain.",
    ),
    "external_id_taken": (
        "Another thing of its kind has this `external_id`.",
        "`external_id` ini sudah dipakai.",
    ),
    "forbidden": ("The caller may not do this.", "Pemanggil tidak boleh melakukan ini."),
    "gateway_busy": (
        "The gateway is called as fast as it allows: send the same request again.",
        "Gateway sedang dipanggil secepat yang diizinkan: kirim permintaan yang sama lagi.",
    ),
    "gateway_unreachable": (
        "The gateway does not answer now: send the same request again.",
        "Gateway tidak menjawab sekarang: kirim permintaan yang sama lagi.",
    ),
    "gateway_refuses_keys": (
        "The gateway does not know this key: check it and `gateway`; a simulator's account first.",
        "Gateway tidak mengenal kunci ini: periksa kunci dan `gateway`; di simulator buka dulu.",
    ),
    "idempotency_key_missing": (
        "Send the header `Idempotency-Key`: a new value for every new thing.",
        "Kirim header `Idempotency-Key`: nilai baru untuk setiap hal baru.",
    ),
    "idempotency_key_reused": (
        "This key was used for another request: make a new one for a new thing.",
        "Kunci ini sudah dipakai untuk permintaan lain: buat yang baru.",
    ),
    "in_progress": (
        "The first request with this key is still at work: try again.",
        "Permintaan pertama dengan kunci ini masih dikerjakan: coba lagi.",
    ),
    "internal_error": (
        "A fault of ours, recorded: give `instance` to whoever runs the installation.",
        "Kesalahan kami dan sudah dicatat: berikan `instance` kepada pengelola instalasi.",
    ),
    "link_expired": ("This link is no longer valid.", "Tautan ini sudah tidak berlaku."),
    "link_invalid": ("This link is not one of ours.", "Tautan ini bukan milik kami."),
    "sign_in_refused": (
        "The address or the password is wrong.",
        "Alamat atau kata sandinya salah.",
    ),
    "invalid_credentials": (
        "This key is not known, ended or was revoked.",
        "Kunci ini tidak dikenal, sudah berakhir atau dicabut.",
    ),
    "invalid_cursor": (
        "`after` is `next_after` of the page before, as it came.",
        "`after` adalah `next_after` dari halaman sebelumnya, apa adanya.",
    ),
    "invalid_idempotency_key": (
        "`Idempotency-Key` has 1 to 255 visible ASCII characters.",
        "`Idempotency-Key` berisi 1 sampai 255 karakter ASCII yang terlihat.",
    ),
    "invalid_merchant": (
        "Name the merchant by its id (`mer_…`) or by its slug.",
        "Sebut merchant dengan id-nya (`mer_…`) atau slug-nya.",
    ),
    "key_not_active": (
        "This key has ended: make a new one.",
        "Kunci ini sudah berakhir: buat yang baru.",
    ),
    "last_owner": (
        "A merchant keeps at least one owner.",
        "Merchant harus punya paling sedikit satu pemilik.",
    ),
    "malformed_json": (
        "The body is not JSON; numbers have at most 40 digits, no `NaN`.",
        "Isi permintaan bukan JSON; angka paling banyak 40 digit, tanpa `NaN`.",
    ),
    "merchant_needed": (
        "Say for which merchant in the header `Tagihan-Merchant`.",
        "Sebut merchant mana di header `Tagihan-Merchant`.",
    ),
    "method_not_allowed": (
        "This address does not answer that method.",
        "Alamat ini tidak menjawab metode itu.",
    ),
    "missing_body": ("This request needs a JSON body.", "Permintaan ini perlu isi JSON."),
    "missing_field": (
        "A field is needed; `field` says which.",
        "Ada isian yang kurang; `field` menunjukkan yang mana.",
    ),
    "namespace_taken": (
        "Another merchant has this namespace.",
        "Ruang nama ini sudah dipakai merchant lain.",
    ),
    "no_credentials": (
        "Send `Authorization: Bearer` and your key.",
        "Kirim `Authorization: Bearer` dan kunci Anda.",
    ),
    "no_test_clock": (
        "This merchant lives in real time.",
        "Merchant ini hidup di waktu sebenarnya.",
    ),
    "not_found": ("There is no such page.", "Halaman ini tidak ada."),
    "not_editable": (
        "This field can not be changed.",
        "Isian ini tidak dapat diubah.",
    ),
    "parameter_twice": (
        "A parameter of the address is given twice.",
        "Satu parameter di alamat diberikan dua kali.",
    ),
    "operator_needed": (
        "Only the operator raises `refund_approval_above` or lowers `refund_approval_days`.",
        "Hanya operator menaikkan `refund_approval_above` atau menurunkan `refund_approval_days`.",
    ),
    "person_needed": (
        "A member of staff approves, or a key made for it.",
        "Yang menyetujui adalah staf, atau kunci yang dibuat untuk itu.",
    ),
    "scope_missing": (
        "The key lacks the scope of this route.",
        "Kunci ini tidak punya cakupan untuk rute ini.",
    ),
    "secret_unreadable": (
        "A stored secret can not be opened: add its key to `TAGIHAN_MASTER_KEY`.",
        "Rahasia tersimpan tidak dapat dibuka: tambahkan kuncinya ke `TAGIHAN_MASTER_KEY`.",
    ),
    "signature_not_genuine": (
        "The notification's signature does not fit the merchant's key.",
        "Tanda tangan notifikasi tidak cocok dengan kunci merchant.",
    ),
    "slug_taken": ("Another merchant has this slug.", "Slug ini sudah dipakai merchant lain."),
    "too_deep": ("At most 20 levels.", "Paling dalam 20 tingkat."),
    "too_many_requests": (
        "Again after `Retry-After` seconds.",
        "Coba lagi setelah `Retry-After` detik.",
    ),
    "too_many_tries": (
        "Tried too often: again after `Retry-After` seconds.",
        "Terlalu banyak percobaan: coba lagi setelah `Retry-After` detik.",
    ),
    "unauthenticated": ("Who is calling is not known.", "Pemanggil tidak dikenal."),
    "unknown_field": (
        "A field is not known here; `field` says which.",
        "Ada isian yang tidak dikenal; `field` menunjukkan yang mana.",
    ),
    "unknown_parameter": (
        "A parameter of the address is not known here.",
        "Ada parameter alamat yang tidak dikenal.",
    ),
    "unsupported_media_type": (
        "Send the body as `application/json` in UTF-8.",
        "Kirim isi sebagai `application/json` dalam UTF-8.",
    ),
    "version_conflict": (
        "It changed since you read it: read it again.",
        "Sudah berubah sejak Anda membacanya: baca lagi.",
    ),
    "weak_password": (
        "A password has 12 to 200 characters and is not the address.",
        "Kata sandi 12 sampai 200 karakter dan bukan alamat e-mailnya.",
    ),
}
WORDS: Final[Mapping[str, tuple[str, str]]] = {
    **_EDGE_WORDS, **MONEY_WORDS, **ITEM_WORDS, **LIFE_WORDS, **BOOK_WORDS,
}  # fmt: skip
# Families: what stands in place of the dots says the rest.
FAMILIES: Final[Mapping[str, tuple[str, str]]] = {
    "invalid_…": (
        "A value is not possible; `field` says where and `detail` why.",
        "Ada nilai yang tidak mungkin; `field` menunjukkan tempatnya.",
    ),
    "unknown_…": (
        "A value is none of those that are known; `detail` says which.",
        "Ada nilai yang tidak dikenal; `field` menunjukkan tempatnya.",
    ),
    "…_not_found": (
        "There is no such thing for this merchant.",
        "Tidak ada yang seperti itu pada merchant ini.",
    ),
}
TITLES_ID: Final[Mapping[int, str]] = {
    400: "Permintaan tidak dapat dibaca",
    401: "Pemanggil tidak dikenal",
    403: "Pemanggil tidak boleh melakukan ini",
    404: "Tidak ada yang seperti itu",
    405: "Alamat ini tidak menjawab metode itu",
    409: "Keadaannya tidak memungkinkan",
    413: "Isi permintaan terlalu besar",
    415: "Isi permintaan bukan JSON",
    422: "Ada yang salah dalam permintaan",
    429: "Terlalu banyak permintaan",
    500: "Ada kesalahan di pihak kami",
    503: "Sedang tidak dapat dilakukan",
}


def words_of(code: str) -> tuple[str, str] | None:
    """What a code means, in English and Indonesian; None for one that nobody has described."""
    if code in WORDS:
        return WORDS[code]
    for family, words in FAMILIES.items():
        if code.startswith(family.rstrip("…")) or code.endswith(family.lstrip("…")):
            return words
    return None


def prefers_indonesian(accept_language: str) -> bool:
    """Whether a header ``Accept-Language`` puts Indonesian before English."""
    best = {"id": 0.0, "en": 0.0}
    for place, part in enumerate(accept_language.split(",")[:20]):
        tag, _, weight = part.strip().partition(";")
        language = tag.strip().lower().partition("-")[0]
        language = "id" if language == "in" else language
        quality = weight.strip().removeprefix("q=") or "1"
        if language in best and quality.replace(".", "", 1).isdigit():
            best[language] = max(best[language], float(quality) - place / 1000)
    return best["id"] > best["en"]
