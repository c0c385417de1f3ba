import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.DescribeClusterOptions;
import org.apache.kafka.clients.admin.DescribeTopicsOptions;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.ReplicaInfo;
import org.apache.kafka.clients.admin.ScramCredentialInfo;
import org.apache.kafka.clients.admin.ScramMechanism;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.admin.UserScramCredentialDeletion;
import org.apache.kafka.clients.admin.UserScramCredentialUpsertion;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.GroupState;
import org.apache.kafka.common.TopicCollection;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.GroupIdNotFoundException;
import org.apache.kafka.common.errors.GroupNotEmptyException;
import org.apache.kafka.common.errors.GroupSubscribedToTopicException;
import org.apache.kafka.common.errors.InvalidConfigurationException;
import org.apache.kafka.common.errors.InvalidPartitionsException;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.errors.ResourceNotFoundException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownTopicIdException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.quota.ClientQuotaFilter;
import org.apache.kafka.common.quota.ClientQuotaFilterComponent;

/** Administration: topics, configs, records, groups, the cluster. */
final class AdminChecks {
    private final Clients clients;

    AdminChecks(Clients clients, Checks checks) {
        this.clients = clients;
        checks.add("topics", this::topics);
        checks.add("partitions", this::partitions);
        checks.add("configs", this::configs);
        checks.add("deleteRecords", this::deleteRecords);
        checks.add("offsets", this::offsets);
        checks.add("groupAdmin", this::groupAdmin);
        checks.add("cluster", this::cluster);
        checks.add("logDirs", this::logDirs);
        checks.add("scramUsers", this::scramUsers);
    }

    private void topics() throws Exception {
        String topic = Clients.fresh("topics");
        NewTopic wanted = new NewTopic(topic, 3, (short) 1);
        try (Admin admin = clients.admin()) {
            var created = admin.createTopics(List.of(wanted));
            created.all().get();
            Checks.same(3, created.numPartitions(topic).get(), "partitions created");
            Throwable again = Clients.failure(() -> admin.createTopics(List.of(wanted)).all().get());
            Checks.expect(again instanceof TopicExistsException, "created twice: " + again);
            NewTopic alike = new NewTopic(topic.replace('-', '.'), 1, (short) 1);
            NewTopic clashing = new NewTopic(topic.replace('-', '_'), 1, (short) 1);
            admin.createTopics(List.of(alike)).all().get();
            Throwable clash = Clients.failure(() -> admin.createTopics(List.of(clashing)).all().get());
            Checks.expect(clash instanceof InvalidTopicException, "a name like that of another: " + clash);
            Clients.until("it is listed", () -> admin.listTopics().names().get().contains(topic));
            TopicDescription description = admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic);
            Checks.same(3, description.partitions().size(), "partitions described");
            Checks.expect(description.partitions().get(0).leader() != null, "it has leaders");
            Checks.same(created.topicId(topic).get(), description.topicId(), "topic id");
            var byId = admin.describeTopics(TopicCollection.ofTopicIds(List.of(description.topicId()))).allTopicIds().get();
            Checks.same(topic, byId.get(description.topicId()).name(), "described by its id");
            var asking = new DescribeTopicsOptions().includeAuthorizedOperations(true);
            var allowed = admin.describeTopics(List.of(topic), asking).allTopicNames().get().get(topic).authorizedOperations();
            Checks.expect(allowed.contains(AclOperation.WRITE), "what one may do with it: " + allowed);
            admin.deleteTopics(List.of(topic)).all().get();
            Clients.until("the topic is gone", () -> !admin.listTopics().names().get().contains(topic));
            Throwable gone = Clients.failure(() -> admin.describeTopics(List.of(topic)).allTopicNames().get());
            Checks.expect(gone instanceof UnknownTopicOrPartitionException, "described when gone: " + gone);
            Throwable noId = Clients.failure(
                () -> admin.describeTopics(TopicCollection.ofTopicIds(List.of(description.topicId()))).allTopicIds().get());
            Checks.expect(noId instanceof UnknownTopicIdException, "described by its id when gone: " + noId);
        }
    }

    private void partitions() throws Exception {
        String topic = clients.topic(2);
        try (Admin admin = clients.admin()) {
            Throwable fewer = Clients.failure(
                () -> admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(1))).all().get());
            Checks.expect(fewer instanceof InvalidPartitionsException, "fewer partitions: " + fewer);
            admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(5))).all().get();
            Clients.until("5 partitions",
                () -> admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions().size() == 5);
        }
    }

    private void configs() throws Exception {
        String topic = clients.topic(1, Map.of("segment.bytes", "1048576"));
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        try (Admin admin = clients.admin(); KafkaProducer<String, String> producer = clients.producer()) {
            Config config = admin.describeConfigs(List.of(resource)).all().get().get(resource);
            Checks.same("1048576", config.get("segment.bytes").value(), "segment.bytes");
            Checks.same(ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG, config.get("segment.bytes").source(), "its source");
            Checks.expect(config.get("delete.retention.ms").isDefault(), "delete.retention.ms is a default");
            alter(admin, resource, "max.message.bytes", "1000");
            Clients.until("the change is seen", () -> "1000".equals(
                admin.describeConfigs(List.of(resource)).all().get().get(resource).get("max.message.bytes").value()));
            Throwable large = Clients.failure(
                () -> producer.send(new ProducerRecord<>(topic, "x".repeat(5000))).get());
            Checks.expect(large instanceof RecordTooLargeException, "too large a record: " + large);
            Throwable nonsense = Clients.failure(() -> alter(admin, resource, "retention.ms", "soon"));
            Checks.expect(nonsense instanceof InvalidConfigurationException, "nonsense: " + nonsense);
            AlterConfigOp reset = new AlterConfigOp(new ConfigEntry("max.message.bytes", ""), AlterConfigOp.OpType.DELETE);
            admin.incrementalAlterConfigs(Map.of(resource, List.of(reset))).all().get();
            Clients.until("the default is back", () ->
                admin.describeConfigs(List.of(resource)).all().get().get(resource).get("max.message.bytes").isDefault());
            producer.send(new ProducerRecord<>(topic, "x".repeat(5000))).get();
        }
    }

    private static void alter(Admin admin, ConfigResource resource, String name, String value) throws Exception {
        AlterConfigOp set = new AlterConfigOp(new ConfigEntry(name, value), AlterConfigOp.OpType.SET);
        admin.incrementalAlterConfigs(Map.of(resource, List.of(set))).all().get();
    }

    private void deleteRecords() throws Exception {
        String topic = clients.topic(1);
        TopicPartition partition = new TopicPartition(topic, 0);
        clients.send(topic, "v", 10);
        try (Admin admin = clients.admin(); KafkaConsumer<String, String> consumer = clients.consumer()) {
            var deleted = admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(7))).all();
            deleted.get();
            consumer.assign(List.of(partition));
            Checks.same(7L, consumer.beginningOffsets(List.of(partition)).get(partition), "first offset");
            Checks.same(List.of("v7", "v8", "v9"), Clients.values(Clients.take(consumer, 3)), "what is left");
        }
    }

    private void offsets() throws Exception {
        String topic = clients.topic(1);
        TopicPartition partition = new TopicPartition(topic, 0);
        try (Admin admin = clients.admin(); KafkaProducer<String, String> producer = clients.producer("linger.ms", "0")) {
            for (long i = 0; i < 10; i++) producer.send(new ProducerRecord<>(topic, 0, 1000 + i * 10, "k", "v")).get();
            Checks.same(0L, offset(admin, partition, OffsetSpec.earliest()), "earliest");
            Checks.same(10L, offset(admin, partition, OffsetSpec.latest()), "latest");
            Checks.same(5L, offset(admin, partition, OffsetSpec.forTimestamp(1045)), "at a time");
            Checks.same(-1L, offset(admin, partition, OffsetSpec.forTimestamp(5000)), "after all");
            Checks.same(9L, offset(admin, partition, OffsetSpec.maxTimestamp()), "of the latest time");
        }
        try (KafkaConsumer<String, String> consumer = clients.consumer()) {
            Checks.same(5L, consumer.offsetsForTimes(Map.of(partition, 1045L)).get(partition).offset(), "the consumer's");
        }
    }

    private static long offset(Admin admin, TopicPartition partition, OffsetSpec spec) throws Exception {
        return admin.listOffsets(Map.of(partition, spec)).partitionResult(partition).get().offset();
    }

    private void groupAdmin() throws Exception {
        String topic = clients.topic(1);
        String group = Clients.fresh("group");
        TopicPartition partition = new TopicPartition(topic, 0);
        clients.send(topic, "v", 10);
        try (Admin admin = clients.admin()) {
            try (Member member = new Member(clients.consumer("group.id", group), topic)) {
                Clients.until("all is committed", () -> committed(admin, group, partition) == 10);
                Checks.expect(Clients.any(admin.listGroups().all().get(), each -> each.groupId().equals(group)), "listed");
                var described = admin.describeConsumerGroups(List.of(group)).all().get().get(group);
                Checks.same(GroupState.STABLE, described.groupState(), "state");
                Checks.same(1, described.members().size(), "members");
                var assigned = described.members().iterator().next().assignment().topicPartitions();
                Checks.same(Set.of(partition), assigned, "assignment");
                Throwable inUse = Clients.failure(() -> admin.deleteConsumerGroups(List.of(group)).all().get());
                Checks.expect(inUse instanceof GroupNotEmptyException, "deleted in use: " + inUse);
                Throwable subscribed = Clients.failure(
                    () -> admin.deleteConsumerGroupOffsets(group, Set.of(partition)).all().get());
                Checks.expect(subscribed instanceof GroupSubscribedToTopicException, "offsets in use: " + subscribed);
            }
            admin.alterConsumerGroupOffsets(group, Map.of(partition, new OffsetAndMetadata(4, "note"))).all().get();
            var altered = admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().get(partition);
            Checks.same(new OffsetAndMetadata(4, altered.leaderEpoch(), "note"), altered, "altered offset");
            admin.deleteConsumerGroupOffsets(group, Set.of(partition)).all().get();
            Checks.same(-1L, committed(admin, group, partition), "deleted offset");
            Throwable deleting = null;
            try {
                admin.deleteConsumerGroups(List.of(group)).all().get();
            } catch (java.util.concurrent.ExecutionException error) {
                deleting = error.getCause();
            }
            Throwable missing = Clients.failure(() -> admin.describeConsumerGroups(List.of(Clients.fresh("no"))).all().get());
            Checks.expect(missing instanceof GroupIdNotFoundException, "described when not there: " + missing);
            // A group without members and offsets may already be gone.
            Checks.expect(deleting == null || deleting instanceof GroupIdNotFoundException, "deleted: " + deleting);
            Checks.expect(!Clients.any(admin.listGroups().all().get(), each -> each.groupId().equals(group)), "gone");
        }
    }

    private static long committed(Admin admin, String group, TopicPartition partition) throws Exception {
        var offsets = admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
        OffsetAndMetadata offset = offsets.get(partition);
        return offset == null ? -1 : offset.offset();
    }

    private void cluster() throws Exception {
        try (Admin admin = clients.admin()) {
            var cluster = admin.describeCluster(new DescribeClusterOptions().includeAuthorizedOperations(true).includeFencedBrokers(true));
            Checks.same(1, cluster.nodes().get().size(), "nodes");
            Checks.same(cluster.nodes().get().iterator().next().id(), cluster.controller().get().id(), "controller");
            Checks.expect(cluster.clusterId().get().getBytes(StandardCharsets.UTF_8).length > 10, "a cluster id");
            Checks.expect(cluster.authorizedOperations().get().contains(AclOperation.CREATE), "what one may do");
        }
    }

    private void logDirs() throws Exception {
        String topic = clients.topic(1);
        TopicPartition partition = new TopicPartition(topic, 0);
        clients.send(topic, "x".repeat(1000), 10);
        try (Admin admin = clients.admin()) {
            int node = admin.describeCluster().controller().get().id();
            var folders = admin.describeLogDirs(List.of(node)).allDescriptions().get().get(node);
            long bytes = folders.values().stream().mapToLong(
                each -> each.replicaInfos().getOrDefault(partition, new ReplicaInfo(0, 0, false)).size()).sum();
            Checks.expect(bytes > 10_000, "bytes of the partition: " + bytes);
            Checks.expect(folders.values().iterator().next().usableBytes().isPresent(), "bytes that are free");
        }
    }

    private void scramUsers() throws Exception {
        String user = Clients.fresh("user");
        try (Admin admin = clients.admin()) {
            var iterations = new ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, 4096);
            admin.alterUserScramCredentials(List.of(new UserScramCredentialUpsertion(user, iterations, "secret"))).all().get();
            Clients.until("the user is there", () -> admin.describeUserScramCredentials().all().get().containsKey(user));
            var infos = admin.describeUserScramCredentials(List.of(user)).description(user).get().credentialInfos();
            Checks.same(List.of(iterations), infos, "credentials");
            // Kafka's tools ask for both.
            var ofUser = List.of(ClientQuotaFilterComponent.ofEntity("user", user));
            Checks.expect(admin.describeClientQuotas(ClientQuotaFilter.contains(ofUser)).entities().get().isEmpty(), "no quotas");
            var deletion = new UserScramCredentialDeletion(user, ScramMechanism.SCRAM_SHA_256);
            admin.alterUserScramCredentials(List.of(deletion)).all().get();
            Clients.until("the user is gone", () -> !admin.describeUserScramCredentials().all().get().containsKey(user));
            Throwable again = Clients.failure(() -> admin.alterUserScramCredentials(List.of(deletion)).all().get());
            Checks.expect(again instanceof ResourceNotFoundException, "deleted twice: " + again);
        }
    }
}
