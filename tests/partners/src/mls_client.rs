//! A member of an MLS group, whose messages all go through one channel in the order of `seq`.
//!
//! The key of its leaf is the identity key of its account, so members compare the group with the
//! keys that the relay has for the channel.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ed25519_dalek::{Signer as _, SigningKey};
use openmls::prelude::tls_codec::DeserializeBytes as _;
use openmls::prelude::{
    BasicCredential, Ciphersuite, CredentialWithKey, GroupEpoch, KeyPackage, KeyPackageIn,
    LeafNodeParameters, MlsGroup, MlsGroupCreateConfig, MlsGroupJoinConfig, MlsMessageBodyIn,
    MlsMessageIn, MlsMessageOut, OpenMlsProvider, ProcessedMessageContent, ProtocolMessage,
    ProtocolVersion, SignatureScheme, StagedWelcome,
};
use openmls_rust_crypto::OpenMlsRustCrypto;
use openmls_traits::signatures::{Signer, SignerError};
use serde_json::json;

use crate::relay::{Api, Member, Read, b64, key};

const SUITE: Ciphersuite = Ciphersuite::MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519;
/// How many earlier epochs a member still opens texts of: a commit may overtake a text.
const PAST_EPOCHS: usize = 2;

/// The identity key of an account.
struct Identity(SigningKey);

impl Signer for Identity {
    fn sign(&self, payload: &[u8]) -> Result<Vec<u8>, SignerError> {
        Ok(self.0.sign(payload).to_bytes().to_vec())
    }

    fn signature_scheme(&self) -> SignatureScheme {
        SignatureScheme::ED25519
    }
}

/// What this client sent under a sequence number. MLS does not open its own messages again.
enum Sent {
    /// A commit of an epoch, with the Welcome for those that it adds.
    Commit(GroupEpoch, Option<Vec<u8>>),
    Text(String),
    KeyPackage,
    Welcome,
}

pub struct MlsClient {
    pub member: Member,
    identity: Identity,
    provider: OpenMlsRustCrypto,
    pub group: Option<MlsGroup>,
    /// The epoch in which the client became a member.
    joined: GroupEpoch,
    channel: String,
    sent: HashMap<i64, Sent>,
    since: i64,
    /// The key packages of others, by the id of their account.
    pub offers: BTreeMap<String, KeyPackage>,
    /// The texts, in the order of the channel.
    pub texts: Vec<String>,
    /// The sequence numbers of commits that came after another one of their epoch.
    pub late: BTreeSet<i64>,
}

impl MlsClient {
    pub async fn new(api: &Api) -> Self {
        let key = SigningKey::from_bytes(&rand::random());
        let prekey: [u8; 32] = rand::random();
        let member = api
            .register(json!({
                "identity_key": b64(key.verifying_key().to_bytes()),
                "signed_prekey": b64(prekey),
                "signed_prekey_signature": b64(key.sign(&prekey).to_bytes()),
                "one_time_prekeys": [],
            }))
            .await;
        Self {
            member,
            identity: Identity(key),
            provider: OpenMlsRustCrypto::default(),
            group: None,
            joined: GroupEpoch::from(0),
            channel: String::new(),
            sent: HashMap::new(),
            since: 0,
            offers: BTreeMap::new(),
            texts: Vec::new(),
            late: BTreeSet::new(),
        }
    }

    /// Chooses the channel of the group.
    pub fn enter(&mut self, channel: &str) {
        channel.clone_into(&mut self.channel);
    }

    fn credential(&self) -> CredentialWithKey {
        CredentialWithKey {
            credential: BasicCredential::new(self.member.id.clone().into_bytes()).into(),
            signature_key: self.identity.0.verifying_key().to_bytes().as_slice().into(),
        }
    }

    pub fn group(&self) -> &MlsGroup {
        self.group.as_ref().expect("a group")
    }

    /// Returns the epoch, and a secret that only members of the group in this epoch share.
    pub fn state(&self) -> (u64, Vec<u8>) {
        let group = self.group();
        let authenticator = group.epoch_authenticator().as_slice().to_vec();
        (group.epoch().as_u64(), authenticator)
    }

    /// Begins the group.
    pub fn begin(&mut self) {
        let config = MlsGroupCreateConfig::builder()
            .ciphersuite(SUITE)
            .max_past_epochs(PAST_EPOCHS)
            .use_ratchet_tree_extension(true)
            .build();
        let group = MlsGroup::new(&self.provider, &self.identity, &config, self.credential());
        self.group = Some(group.expect("a group"));
    }

    async fn send(&mut self, api: &Api, body: &[u8], sent: Sent) {
        let seq = api.send(&self.member, &self.channel, body).await;
        self.sent.insert(seq, sent);
    }

    /// Offers a key package to the members of the channel.
    pub async fn offer(&mut self, api: &Api) {
        let made = KeyPackage::builder()
            .build(SUITE, &self.provider, &self.identity, self.credential())
            .expect("a key package");
        let offer = bytes(&MlsMessageOut::from(made));
        self.send(api, &offer, Sent::KeyPackage).await;
    }

    /// Commits to adding the accounts that offered key packages.
    pub async fn add_offers(&mut self, api: &Api) {
        let offers: Vec<KeyPackage> = std::mem::take(&mut self.offers).into_values().collect();
        let group = self.group.as_mut().expect("a group");
        let epoch = group.epoch();
        let (commit, welcome, _) = group
            .add_members(&self.provider, &self.identity, &offers)
            .expect("a commit");
        let sent = Sent::Commit(epoch, Some(bytes(&welcome)));
        self.send(api, &bytes(&commit), sent).await;
    }

    /// Commits to a new key of its own.
    pub async fn renew(&mut self, api: &Api) {
        let group = self.group.as_mut().expect("a group");
        let epoch = group.epoch();
        let made = group
            .self_update(
                &self.provider,
                &self.identity,
                LeafNodeParameters::default(),
            )
            .expect("a commit");
        let commit = bytes(&made.into_commit());
        self.send(api, &commit, Sent::Commit(epoch, None)).await;
    }

    /// Commits to removing an account.
    pub async fn remove(&mut self, api: &Api, account: &str) {
        let group = self.group.as_mut().expect("a group");
        let epoch = group.epoch();
        let credential = BasicCredential::new(account.as_bytes().to_vec()).into();
        let leaf = group.member_leaf_index(&credential).expect("a member");
        let (commit, _, _) = group
            .remove_members(&self.provider, &self.identity, &[leaf])
            .expect("a commit");
        self.send(api, &bytes(&commit), Sent::Commit(epoch, None))
            .await;
    }

    /// Seals a text for the group.
    pub async fn say(&mut self, api: &Api, text: &str) {
        let group = self.group.as_mut().expect("a group");
        let sealed = group
            .create_message(&self.provider, &self.identity, text.as_bytes())
            .expect("sealed");
        self.send(api, &bytes(&sealed), Sent::Text(text.to_owned()))
            .await;
    }

    /// Reads what came since, and acts on it in the order of the channel.
    pub async fn catch_up(&mut self, api: &Api) {
        let new = api.read(&self.member, &self.channel, self.since).await;
        let Some(last) = new.last() else { return };
        self.since = last.seq;
        for one in &new {
            let joined = self.take(api, one).await;
            if joined {
                // A commit or a text may have come between the commit that added this client and
                // its Welcome.
                let all = api.read(&self.member, &self.channel, 0).await;
                for earlier in all.iter().filter(|earlier| earlier.seq < one.seq) {
                    Box::pin(self.take(api, earlier)).await;
                }
            }
        }
    }

    /// Acts on a message of the channel. Returns true if it made this client a member.
    async fn take(&mut self, api: &Api, read: &Read) -> bool {
        // Its key package comes again when the client joins.
        if let Some(Sent::KeyPackage) = self.sent.get(&read.seq) {
            return false;
        }
        match self.sent.remove(&read.seq) {
            Some(Sent::Commit(epoch, welcome)) => {
                self.take_own_commit(api, read.seq, epoch, welcome).await;
            }
            Some(Sent::Text(text)) => self.texts.push(text),
            Some(Sent::KeyPackage | Sent::Welcome) => {}
            None => return self.open(api, read).await,
        }
        false
    }

    /// Merges a commit of its own if it is the first of its epoch. Then the Welcome follows.
    async fn take_own_commit(
        &mut self,
        api: &Api,
        seq: i64,
        epoch: GroupEpoch,
        welcome: Option<Vec<u8>>,
    ) {
        let group = self.group.as_mut().expect("a group");
        if group.epoch() != epoch {
            self.late.insert(seq);
            return;
        }
        group.merge_pending_commit(&self.provider).expect("merges");
        if let Some(welcome) = welcome {
            self.send(api, &welcome, Sent::Welcome).await;
        }
    }

    async fn open(&mut self, api: &Api, read: &Read) -> bool {
        let message = MlsMessageIn::tls_deserialize_exact_bytes(&read.body);
        match message.expect("a message of MLS").extract() {
            MlsMessageBodyIn::KeyPackage(offer) => self.keep(api, offer).await,
            MlsMessageBodyIn::Welcome(welcome) if self.group.is_none() => {
                let config = MlsGroupJoinConfig::builder()
                    .max_past_epochs(PAST_EPOCHS)
                    .use_ratchet_tree_extension(true)
                    .build();
                let staged =
                    StagedWelcome::new_from_welcome(&self.provider, &config, welcome, None);
                // The Welcome of another account has no matching key package.
                let Ok(staged) = staged else { return false };
                let group = staged.into_group(&self.provider).expect("joins");
                self.joined = group.epoch();
                self.group = Some(group);
                return true;
            }
            MlsMessageBodyIn::PrivateMessage(sealed) => self.open_sealed(read.seq, sealed.into()),
            MlsMessageBodyIn::Welcome(_) => {}
            other => panic!("in clear: {other:?}"),
        }
        false
    }

    /// Keeps a key package whose key is the identity key of the account that it names.
    async fn keep(&mut self, api: &Api, offer: KeyPackageIn) {
        let offer = offer
            .validate(self.provider.crypto(), ProtocolVersion::Mls10)
            .expect("a valid key package");
        let leaf = offer.leaf_node();
        let name = BasicCredential::try_from(leaf.credential().clone()).expect("basic");
        let name = String::from_utf8(name.identity().to_vec()).expect("an id");
        let path = format!("/channels/{}/members/keys", self.channel);
        let members = api.get(&self.member, &path).await.ok();
        let mut members = members.as_array().expect("a list").iter();
        let known = members.find(|member| member["user_id"] == name);
        let known = key(&known.expect("a member of the channel")["identity_key"]);
        assert_eq!(leaf.signature_key().as_slice(), known);
        self.offers.insert(name, offer);
    }

    fn open_sealed(&mut self, seq: i64, sealed: ProtocolMessage) {
        let Some(group) = self.group.as_mut() else {
            return;
        };
        let (epoch, handshake) = (sealed.epoch(), sealed.is_handshake_message());
        if epoch < self.joined {
            return;
        }
        let opened = group.process_message(&self.provider, sealed);
        if handshake && epoch < group.epoch() {
            opened.expect_err("a commit of an earlier epoch is not taken");
            self.late.insert(seq);
            return;
        }
        match opened.expect("opens").into_content() {
            ProcessedMessageContent::ApplicationMessage(text) => {
                let text = String::from_utf8(text.into_bytes());
                self.texts.push(text.expect("UTF-8"));
            }
            // This also drops a commit of its own that came second.
            ProcessedMessageContent::StagedCommitMessage(commit) => group
                .merge_staged_commit(&self.provider, *commit)
                .expect("merges"),
            other => panic!("{other:?}"),
        }
    }

    /// Returns true if this client opens a message of the channel.
    pub fn opens(&mut self, read: &Read) -> bool {
        let message = MlsMessageIn::tls_deserialize_exact_bytes(&read.body).expect("MLS");
        let sealed = message.try_into_protocol_message().expect("sealed");
        let group = self.group.as_mut().expect("a group");
        group.process_message(&self.provider, sealed).is_ok()
    }
}

fn bytes(message: &MlsMessageOut) -> Vec<u8> {
    message.to_bytes().expect("bytes")
}
