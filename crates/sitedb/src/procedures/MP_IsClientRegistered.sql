-- ?1 client id.
SELECT ItemKey, SigningKey, EncryptionKey, KeyType, ApprovalStatus, IsBlocked FROM ClientKeyData WHERE SMSID = ?1
