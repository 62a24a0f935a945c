//! Verdicts about machines other than this one, and one about this one.

use super::mounts::Mount;
use super::*;

/// A host of which only these files are known.
fn files<'a>(files: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
    |path| files.iter().find(|(name, _)| *name == path).map(|(_, text)| (*text).to_owned())
}

fn some(texts: &[&str]) -> Vec<Option<String>> {
    texts.iter().map(|&text| Some(text.to_owned())).collect()
}

fn statuses(table: &[(Check, Status)]) {
    for (check, status) in table {
        assert_eq!(check.status, *status, "{check:?}");
        assert_eq!(check.remedy.is_empty(), *status == Status::Ok, "{check:?} says what to do");
    }
}

#[test]
fn cpus_are_judged_by_what_is_allowed_isolated_and_shared() {
    use Status::{Fail, Ok, Warn};
    statuses(&[
        (cpus(&[0, 1], Some("0-1")), Ok),
        (cpus(&[3], Some("0-7")), Warn),
        (cpus(&[], None), Fail),
        (cpu_isolation(&[0, 1], Some("")), Ok),
        (cpu_isolation(&[0, 1, 2, 3], Some("")), Warn),
        (cpu_isolation(&[0, 1], Some("2-5")), Warn),
        (cpu_isolation(&[0, 2, 3], Some("2-5")), Ok),
        (cpu_governor(&[None, None]), Ok),
        (cpu_governor(&some(&["performance", "performance"])), Ok),
        (cpu_governor(&some(&["performance", "powersave"])), Warn),
        (smt(&[0, 1], &some(&["0", "1"])), Ok),
        (smt(&[0, 1], &some(&["0-1", "0-1"])), Warn),
        (smt(&[0, 1], &some(&["0,4", "1,5"])), Ok),
        (smt(&[0, 1], &[None, None]), Warn),
        (cpu_quota(None), Ok),
        (cpu_quota(Some(1.5)), Warn),
    ]);
    let found = smt(&[0, 1, 2, 3], &some(&["0,2", "1,3", "0,2", "1,3"])).found;
    assert_eq!(found, "cpus that share a core: 0,2 and 1,3");
}

#[test]
fn the_system_is_judged_by_its_limits_and_settings() {
    use Status::{Fail, Ok, Warn};
    let disk = |free| journal_disk(Path::new("journals"), Some((1 << 40, free)), 64 << 20);
    let mounted = |kind: &str, read_only, huge: &str| Mount {
        at: "/dev/shm".to_owned(),
        kind: kind.to_owned(),
        read_only,
        huge: huge.to_owned(),
    };
    let mount = |kind: &str, read_only| file_system(Some(&mounted(kind, read_only, "never")));
    let memory = Path::new("/dev/shm");
    let shm =
        |kind: &str, free| shared_memory(memory, Some(&mounted(kind, false, "never")), Some((1 << 30, free)));
    let pages =
        |kind: &str, huge: &str, wanted| journal_pages(memory, Some(&mounted(kind, false, huge)), wanted);
    statuses(&[
        (kernel(Some("6.18.44-v1")), Ok),
        (kernel(Some("3.15")), Ok),
        (kernel(Some("3.14.9")), Fail),
        (kernel(Some("unreadable")), Warn),
        (clock_source(Some("tsc")), Ok),
        (clock_source(Some("hpet")), Warn),
        (huge_pages(Some("always [madvise] never"), true), Ok),
        (huge_pages(Some("[always] madvise never"), false), Warn),
        (huge_pages(Some("always madvise [never]"), false), Ok),
        (huge_pages(Some("always madvise [never]"), true), Warn),
        (huge_pages(None, true), Warn),
        (huge_pages(None, false), Ok),
        (locked_memory(Some(u64::MAX), false), Ok),
        (locked_memory(Some(8 << 20), false), Warn),
        (locked_memory(Some(8 << 20), true), Ok),
        (open_files(Some(63)), Fail),
        (open_files(Some(64)), Warn),
        (open_files(Some(1_023)), Warn),
        (open_files(Some(1_024)), Ok),
        (disk((256 << 20) - 1), Fail),
        (disk(256 << 20), Warn),
        (disk((4 << 30) - 1), Warn),
        (disk(4 << 30), Ok),
        (journal_disk(Path::new("journals"), None, 64 << 20), Warn),
        (mount("ext4", false), Ok),
        (mount("ext4", true), Fail),
        (mount("tmpfs", false), Warn),
        (mount("fuse.sshfs", false), Warn),
        (mount("nfs4", false), Warn),
        (file_system(None), Warn),
        (shm("tmpfs", 1 << 30), Ok),
        (shm("tmpfs", 1 << 20), Warn),
        (shm("ext4", 1 << 30), Warn),
        (pages("tmpfs", "never", true), Warn),
        (pages("tmpfs", "advise", true), Warn),
        (pages("tmpfs", "within_size", true), Ok),
        (pages("tmpfs", "always", true), Ok),
        (pages("tmpfs", "never", false), Ok),
        (pages("ext4", "never", true), Ok),
        (clock_sync(Some("yes")), Ok),
        (clock_sync(Some("no")), Warn),
        (clock_sync(None), Warn),
        (build_profile(true), Warn),
        (configuration(Err("x".to_owned())), Fail),
    ]);
}

#[test]
fn what_the_system_says_is_read_as_it_writes_it() {
    let limits = "Limit                     Soft Limit           Hard Limit           Units     \n\
                  Max open files            20000                40000                files     \n\
                  Max locked memory         unlimited            unlimited            bytes     \n";
    assert_eq!(soft_limit(limits, "Max open files"), Some(20_000));
    assert_eq!(soft_limit(limits, "Max locked memory"), Some(u64::MAX));
    assert_eq!(soft_limit(limits, "Max nice priority"), None);
    let head = "Filesystem     1024-blocks     Used Available Capacity Mounted on\n";
    let df = |line: &str| parse_df(&format!("{head}{line}\n"));
    assert_eq!(df("/dev/vda 264212084 17211416 78074472 19% /"), Some((264_212_084 << 10, 78_074_472 << 10)));
    assert_eq!(df("//host/my share 100 40 60 40% /mnt/a b"), Some((100 << 10, 60 << 10)));
    assert_eq!(df("broken"), None);
    assert_eq!(parse_df(head), None);
    let mounts = "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n\
                  25 24 0:23 / /dev/shm rw,relatime shared:3 - tmpfs tmpfs rw,size=24684084k\n\
                  25 24 0:24 / /hot rw,relatime - tmpfs tmpfs rw,size=8388608k,huge=within_size\n\
                  26 27 0:30 / /data ro,relatime - xfs /dev/vdb ro\n\
                  27 27 0:31 / /data rw - ext4 /dev/vdc rw\n\
                  28 27 0:31 / /my\\040disk ro - btrfs /dev/vdd rw\n";
    for (path, at, kind, read_only, huge) in [
        ("/srv/journals", "/", "ext4", false, "never"),
        ("/dev/shm", "/dev/shm", "tmpfs", false, "never"),
        ("/dev/shmx", "/", "ext4", false, "never"),
        ("/hot/day", "/hot", "tmpfs", false, "within_size"),
        ("/data/day", "/data", "ext4", false, "never"),
        ("/my disk/day", "/my disk", "btrfs", true, "never"),
    ] {
        let mount = Mount { at: at.to_owned(), kind: kind.to_owned(), read_only, huge: huge.to_owned() };
        assert_eq!(mount_of(mounts, Path::new(path)), Some(mount), "{path}");
    }
    assert_eq!(mount_of("", Path::new("/")), None);
    // A remount wants the place of the mount, not a directory in it.
    let day = Path::new("/dev/shm/day");
    let remedy = journal_pages(day, mount_of(mounts, day).as_ref(), true).remedy;
    assert!(remedy.contains("remount,huge=within_size /dev/shm:"), "{remedy}");
    let locker = files(&[("/proc/self/status", "Name:\tengine\nCapEff:\t0000000000004000\n")]);
    assert!(has_capability(&locker, CAP_IPC_LOCK));
    assert!(!has_capability(&files(&[("/proc/self/status", "CapEff:\t0000000000000000")]), CAP_IPC_LOCK));
}

#[test]
fn the_tightest_quota_of_the_groups_counts_in_both_versions() {
    let nested = [
        ("/proc/self/cgroup", "0::/a/b"),
        ("/sys/fs/cgroup/a/b/cpu.max", "max 100000"),
        ("/sys/fs/cgroup/a/cpu.max", "150000 100000"),
    ];
    assert_eq!(quota_cores(&files(&nested)), Some(1.5));
    let container = [("/proc/self/cgroup", "0::/"), ("/sys/fs/cgroup/cpu.max", "50000 100000")];
    assert_eq!(quota_cores(&files(&container)), Some(0.5));
    let version_1 = |quota| {
        let listed = [
            ("/proc/self/cgroup", "4:memory:/x\n2:cpu,cpuacct:/x\n0::/"),
            ("/sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", quota),
            ("/sys/fs/cgroup/cpu/x/cpu.cfs_period_us", "100000"),
        ];
        quota_cores(&files(&listed))
    };
    assert_eq!(version_1("200000"), Some(2.0));
    assert_eq!(version_1("-1"), None);
    assert_eq!(quota_cores(&files(&[])), None);
}

#[test]
fn the_report_counts_fails_only_on_failures_and_looks_at_this_machine() {
    let report =
        |status| Report { checks: vec![Check { name: "x", status, found: "f".into(), remedy: "r".into() }] };
    assert_eq!(report(Status::Warn).exit(), Exit::Ok);
    assert_eq!(report(Status::Fail).exit(), Exit::Failure);
    let expected = r#"{"name":"x","status":"warn","found":"f","remedy":"r"}"#;
    assert_eq!(report(Status::Warn).json()["checks"][0], serde_json::from_str::<Value>(expected).unwrap());
    let here = doctor(&DoctorArgs {
        journal: Some(std::env::temp_dir().join("no/such/yet")),
        ..DoctorArgs::default()
    });
    let object = here.json();
    assert_eq!(object["schema"], "doctor/1");
    let total =
        ["passed", "warnings", "failures"].iter().map(|key| object[key].as_u64().unwrap()).sum::<u64>();
    assert_eq!(total as usize, here.checks.len());
    assert!(here.checks.iter().any(|check| check.name == "cpus" && check.status != Status::Fail));
    assert!(here.render().contains("journal_disk"));
}

#[test]
fn the_day_is_judged_by_the_calendar_and_the_instrument_file_by_its_date() {
    use Status::{Fail, Ok, Warn};
    use jiff::civil::{date, time};
    let day = |year, month, of| trading_day(date(year, month, of), None);
    let file = |written| instrument_file(Path::new("dump.csv.gz"), date(2026, 8, 4), written);
    statuses(&[
        (day(2026, 8, 4), Ok),
        (day(2026, 1, 26), Warn),
        (day(2026, 8, 8), Warn),
        (day(2026, 11, 8), Warn),
        (day(2027, 3, 1), Warn),
        (trading_day(date(2026, 11, 8), Some((time(18, 0, 0, 0), time(19, 0, 0, 0)))), Ok),
        (file(Some(date(2026, 8, 4))), Ok),
        (file(Some(date(2026, 8, 3))), Warn),
        (file(None), Fail),
    ]);
    let found = day(2026, 8, 4).found;
    for hours in ["shares 09:15 to 15:30", "with derivatives 09:15 to 15:15", "derivatives 09:15 to 15:40"] {
        assert!(found.contains(hours), "{found}");
    }
    assert!(day(2026, 1, 26).found.contains("Republic Day"));
}
